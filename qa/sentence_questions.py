"""Makes questions of one sentence that the sentence answers; knows nothing of passages, answers or models.

Only plain sentences are taken: a name, a known verb, and what follows up to the first clause. Whatever else there is
(pronouns, quotes, several verbs) makes no question: a bad one is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from qa.question_made import MadeQuestion
from qa.verbs import AUXILIARIES, BASE_FORMS, PARTICIPLES, PASSIVES, is_act, needs_object

_MAX_CHARS = 110
_MIN_WORDS = 4
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_YEAR = r"(?:1[89]|20)\d\d"
_WEEKDAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_DATE = rf"(?:{_WEEKDAY},? )?(?:\d{{1,2}} {_MONTH}(?: {_YEAR})?|{_MONTH} \d{{1,2}}(?:, {_YEAR})?)"
_WHEN = re.compile(
    rf"\b[Oo]n (?:{_DATE}|{_WEEKDAY}(?! (?:morning|afternoon|evening|night)))\b"
    rf"|\b[Ii]n (?:(?:early |late |mid-)?{_MONTH} )?{_YEAR}\b"
)
_LEADING_WHEN = re.compile(rf"^(?:{_WHEN.pattern}),? (?=the |[A-Z])")
_NAME = r"(?:[A-Z][\w’'&-]*)"
_NAMES = rf"(?:{_NAME}(?: (?:of |of the |and |& |de |la |van |von |bin |al-)?{_NAME}){{0,6}})"
_OF = rf"(?: of (?:the )?{_NAMES})?"
_NAMED = re.compile(
    rf"(?P<the>[Tt]he )?(?P<name>{_NAMES})(?P<noun>(?:[’']s)?(?: [a-z]{{3,14}}){{0,2}}?){_OF}(?:, [^,.]{{3,60}},)?"
)
_DEFINITE = re.compile(rf"[Tt]he (?P<noun>(?:[a-z]{{3,12}} )?[a-z]{{3,14}}){_OF}(?:, [^,.]{{3,60}},)?")
_CUT = re.compile(
    r"[,;:(–—]| - | (?:and|but|or|while|although|though|after|before|when|because|who|which|that|where|since|until|"
    r"following|amid|despite|so|if|unless|whether|saying|making|becoming|including|using|leaving|giving|according|"
    r"rather|as) "
)
_INSIDE_NAME = re.compile(r"[A-Z][\w’'-]* (?:and|or|as|before|after) [A-Z]$")
_BECAUSE = re.compile(r" because (?!of\b)")
_MONEY = re.compile(
    r"^(?:about |around |nearly |almost |more than |at least |some |up to |over )?"
    r"(?:(?:US|C|A)?[$€£]\s?\d[\d.,]*(?: ?(?:thousand|million|billion|trillion|bn|m))?|"
    r"\d[\d.,]* (?:million|billion|trillion) (?:dollars|euros|pounds|crowns))\b ?"
)
_MONEY_VERBS = frozenset("pay raise cost spend invest lose earn receive donate pledge".split())
_COUNT = re.compile(
    r"^(?:about |around |nearly |almost |more than |at least |some |up to |over )?"
    r"(?:\d{1,3}(?:,\d{3})*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:dozen|hundred|thousand)s of)"
    r" (?P<noun>(?:[a-z]{3,12} )?[a-z]{3,14}s|people|men|women|children)\b ?"
)
_NO_COUNT_NOUNS = frozenset(
    """
    years months weeks days hours minutes seconds times percent points pages degrees others ones thousand million
    billion
    """.split()
)
# Words that point at something outside of the question.
_POINTING = re.compile(
    r"\b(?:he|him|his|she|her|hers|it|its|they|them|their|theirs|we|us|our|i|me|my|you|your|this|that|these|those|"
    r"there|here|who|whom|whose|which|what|one|ones|another|other|others|such|same|both|each|either|neither|"
    r"himself|herself|itself|themselves|so|too|also|still|already|again|later|earlier|then|now|today|yesterday|tomorrow|"
    r"ago|recently|currently|meanwhile|however|instead|not|n’t|never|no|said|says|told|according|between|whether|"
    r"last|next|previous|following|latter|first|similar|respectively|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
)
# "the company" is a company that was named before; names of roles and single things are clear by themselves.
_VAGUE = re.compile(
    r"\bthe (?:company|group|team|firm|agency|bank|club|country|state|city|man|woman|men|women|couple|family|player|"
    r"case|suspect|victim|victims|site|event|move|decision|deal|announcement|statement|report|incident|attack|role|"
    r"match|game|season|race|series|show|film|book|song|album|bill|law|plan|project|program|programme|process|area|"
    r"region|department|panel|committee|court|judge|official|officials|pair|two|three|four|organization|organisation|"
    r"year|month|week|day|time|night|morning|weekend|end|start|move|vehicle|car|plane|ship|building|house|product)\b"
)
_BAD_END = frozenset(
    """
    a an the of in on at to for from by with into over under about up out off and or but as than its his her their very
    more most less least just only some any all every even including is are was were be been being will would so own
    """.split()
)
_NO_NAMES = frozenset(
    """
    a after all although also amid among an and another any as at because before both but by despite during each earlier
    even every few first following for four from given he her here his how however i if in instead it its just last
    later like many meanwhile more most much my no none not now of on once one only or other our over police
    previously recently several she since so some soon still such than that the their then there these they this those
    three though thus to today two under unlike until up we what when where whether which while who why with yesterday
    yet you your monday tuesday wednesday thursday friday saturday sunday january february march april june july august
    september october november december according
    """.split()
)
_LOWERED = frozenset("former late prime ex retired acting newly current".split())


@dataclass(frozen=True, slots=True)
class _Clause:
    """Subject, verb and the rest of a plain sentence; ``when``: the date phrase that stood in it."""

    subject: str
    is_name: bool
    verb: str
    rest: str
    when: str | None
    reason: str | None

    @property
    def base(self) -> str | None:
        return BASE_FORMS.get(self.verb)


def questions_of(sentence: str, known_names: frozenset[str]) -> list[MadeQuestion]:
    """The questions that a sentence answers, the best first.

    :param known_names: Words that are written with a capital inside sentences; the first word of a sentence is a name
        only when it is one of them.
    """
    clause = _clause(" ".join(sentence.split()), known_names)
    if clause is None:
        return []
    made = [replace(one, is_whole=_is_whole(one, clause)) for one in _made(clause) if _is_good(one)]
    if _VAGUE.match(clause.subject):  # "the company did": only who did something to it can be asked
        made = [one for one in made if one.kind == "who"]
    return sorted(made, key=lambda one: not one.is_whole)


def _made(clause: _Clause) -> Iterator[MadeQuestion]:
    base, rest = clause.base, clause.rest
    when = f" {clause.when}" if clause.when is not None and any(c.isdigit() for c in clause.when) else ""
    if base is None:
        yield from _of_passive(clause, when)
        return
    yield from _numbers(clause, base, when)
    if clause.reason is not None and rest:
        yield MadeQuestion("why", f"Why did {clause.subject} {base} {rest}?", clause.reason)
    if clause.when is not None:
        yield MadeQuestion("when", f"When did {clause.subject} {base}{f' {rest}' if rest else ''}?", clause.when)
    if clause.is_name and needs_object(base):
        if is_act(base) and re.match(r"the |[A-Z]", rest) and " " not in clause.subject.partition("’s ")[2]:
            yield MadeQuestion("who", f"Who {clause.verb} {rest}{when}?", clause.subject)
        elif when and re.match(r"(?:a|an|plans|new) ", rest):
            yield MadeQuestion("what", f"What did {clause.subject} {base}{when}?", rest)


def _of_passive(clause: _Clause, when: str) -> Iterator[MadeQuestion]:
    participle, _, after = clause.rest.partition(" ")
    if clause.when is not None:
        told = "born" if participle == "born" else clause.rest
        yield MadeQuestion("when", f"When {clause.verb} {clause.subject} {told}?", clause.when)
    if after.startswith("by ") and participle in BASE_FORMS and re.match(r"by (?:the )?[A-Z]", after):
        yield MadeQuestion("who", f"Who {participle} {clause.subject}{when}?", after.removeprefix("by "))


def _numbers(clause: _Clause, base: str, when: str) -> Iterator[MadeQuestion]:
    money = _MONEY.match(clause.rest)
    if money is not None and base in _MONEY_VERBS:
        after = clause.rest[money.end() :]
        if not after or after.startswith(("for ", "to ", "on ", "in ")):
            asked = f"How much did {clause.subject} {base}{f' {after}' if after else ''}{when}?"
            yield MadeQuestion("how", asked, money[0].strip())
    count = _COUNT.match(clause.rest)
    if count is not None and not _NO_COUNT_NOUNS & set(count["noun"].split()):
        after = clause.rest[count.end() :]
        asked = f"How many {count['noun']} did {clause.subject} {base}{f' {after}' if after else ''}{when}?"
        yield MadeQuestion("how", asked, count[0].strip())


def _clause(sentence: str, known_names: frozenset[str]) -> _Clause | None:
    sentence = sentence.rstrip(" .")
    if any(mark in sentence for mark in "?!|*[]{}<>…") or len(sentence) < 25:
        return None
    leading = _LEADING_WHEN.match(sentence)
    if leading is not None:
        sentence = sentence[leading.end() :]
    words = sentence.split(" ")
    place = next((i for i, word in enumerate(words) if i and (word in BASE_FORMS or word in AUXILIARIES)), None)
    if place is None or not _is_asked_about(words[place:]):
        return None
    subject = _subject(" ".join(words[:place]), known_names, is_first=leading is None)
    if subject is None:
        return None
    kept, found = _without_when(" ".join(words[place + 1 :]))
    if found is not None and leading is not None:
        return None  # two dates: which of them is asked for cannot be told
    when = leading[0].rstrip(", ") if leading is not None else found
    because = _BECAUSE.split(" ".join(words[place + 1 :]), maxsplit=1)
    reason = because[1] if len(because) == 2 and because[0] == kept else None
    lowered = f"{when[0].lower()}{when[1:]}" if when else None
    return _Clause(*subject, words[place], kept, lowered, reason)


def _subject(words: str, known_names: frozenset[str], *, is_first: bool) -> tuple[str, bool] | None:
    """The subject as it stands inside a question, and whether it is a name; None when it may be neither."""
    words = re.sub(r", [^,]*,$", "", words)
    definite = _DEFINITE.fullmatch(words)
    if definite is not None:
        is_plain = not definite["noun"].endswith(("ly", "ing")) and definite["noun"].split()[-1] not in _BAD_END
        return (f"the {words[4:]}", False) if is_plain else None
    match = _NAMED.fullmatch(words)
    if match is None:
        return None
    first = match["name"].split()[0]
    noun = match["noun"].split()
    is_owned = match["noun"].startswith(("’s", "'s"))
    if first.lower().rstrip("’'s") in _NO_NAMES or words.endswith(("’s", "'s")) or (is_owned and not noun[1:]):
        return None
    if (noun and not is_owned and match["the"] is None) or len(noun) - is_owned > 1 + is_owned:
        return None
    if noun and (noun[-1] in _BAD_END or noun[-1].endswith(("ly", "ing"))):
        return None
    if match["the"]:
        return f"the {words[4:]}", True
    if first.lower() in _LOWERED:
        return f"{words[0].lower()}{words[1:]}", True
    return None if is_first and first not in known_names and not first.isupper() else (words, True)


def _is_asked_about(words: Sequence[str]) -> bool:
    verb = words[0]
    if verb in PASSIVES:
        return len(words) > 1 and words[1] in PARTICIPLES
    return verb in BASE_FORMS


def _without_when(rest: str) -> tuple[str, str | None]:
    """What follows the verb up to the next clause, without the date phrase in it, and that phrase."""
    found = _WHEN.search(rest)
    when = None
    if found is not None and _CUT.search(rest[: found.start()]) is None:
        when = found[0]
        rest = f"{rest[: found.start()].rstrip()} {rest[found.end() :].lstrip()}".strip()
    cut = _CUT.search(rest)
    if cut is not None and _INSIDE_NAME.search(rest[: cut.end() + 1]):
        return "", None  # "the Trial and Appeal Board"
    return (rest[: cut.start()] if cut is not None else rest).strip(), when


def _is_whole(made: MadeQuestion, clause: _Clause) -> bool:
    has_name = re.search(r"[A-Z][\w’-]+", made.question.split(" ", 1)[1]) is not None
    return has_name and not _VAGUE.search(made.question) and (clause.is_name or made.kind == "who")


def _is_good(made: MadeQuestion) -> bool:
    words = made.question.rstrip("?").split()
    # Any other verb would be of a clause that was not seen.
    others = [word for word in words[words.index("did") + 1 if "did" in words else 2 :] if word in _OTHER_VERBS]
    return (
        len(made.question) <= _MAX_CHARS
        and len(words) >= _MIN_WORDS
        and words[-1].lower() not in _BAD_END
        and not _POINTING.search(" ".join(words[1:]))
        and not others[1 if words[1] in PASSIVES else 0 :]
        and not re.search(r"[^\w\s’'.,&$€£?%-]| -|\bthe (?:more|most|less|very) \w+$", made.question.rstrip("?"))
    )


_OTHER_VERBS = (AUXILIARIES | set(BASE_FORMS) | PARTICIPLES) - set(BASE_FORMS.values()) - {"may", "march"}
