"""Makes questions about people whom a sentence quotes or introduces; knows nothing of passages, answers or models.

"… said Peter Berdowski, the chief executive of Boskalis" answers who he is, and holds what he says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from qa.question_made import MadeQuestion

_MAX_ROLE_CHARS = 60
_WORD = r"(?:O[’'])?[A-ZÀ-Þ][a-zà-ÿ]+(?:[A-ZÀ-Þ’'-][A-ZÀ-Þa-zà-ÿ]+)?"
_PERSON = rf"(?P<name>{_WORD}(?: [A-Z]\.)?(?: (?:de |van |von |bin |al-|Al |El )?{_WORD}){{1,2}})"
_ROLES = (
    "president|minister|spokesman|spokeswoman|spokesperson|director|executive|CEO|professor|chairman|chairwoman|chair|"
    "secretary|governor|mayor|senator|coach|captain|author|novelist|singer|actor|actress|founder|co-founder|economist|"
    "analyst|strategist|lawyer|attorney|prosecutor|scientist|researcher|biologist|ecologist|epidemiologist|geologist|"
    "psychologist|archaeologist|paleontologist|physicist|chemist|biochemist|immunologist|astronomer|historian|"
    "manager|editor|head|leader|owner|driver|astronaut|engineer|curator|activist|journalist|commissioner|architect|"
    "superintendent|sheriff|pilot|physician|veterinarian|dietitian|fellow|lecturer|meteorologist|climatologist|"
    "choreographer|composer|swimmer|gymnast|designer|photographer|partner|adviser|advisor|officer"
)
_ROLE_AFTER = (
    rf"(?:\d\d, )?(?P<role>(?:the |an? )?(?:[A-Za-z’'-]+ ){{0,4}}(?:{_ROLES})(?: (?:of|at|for|in) [^,.;“”()]{{3,50}})?)"
)
_INTRODUCED = (
    re.compile(rf"{_PERSON}, {_ROLE_AFTER}(?=[,.]| and | who |$)"),
    re.compile(rf"\b(?P<role>(?:[A-Z][\w’'-]+ ){{0,3}}(?:[a-z]+ )?(?:{_ROLES})) {_PERSON}\b"),
)
_QUOTED_AFTER = (
    re.compile(rf"{_PERSON}, {_ROLE_AFTER}, (?:said|says)\b"),
    re.compile(rf"\b(?:said|says) {_PERSON}, {_ROLE_AFTER}(?=[,.]|$)"),
)
_QUOTED_BEFORE = (
    re.compile(rf"\b(?P<role>(?:[A-Z][\w’'-]+ ){{1,3}}(?:[a-z]+ )?(?:{_ROLES})) {_PERSON} (?:said|says)\b"),
    re.compile(rf"\b(?:said|says) (?P<role>(?:[A-Z][\w’'-]+ ){{1,3}}(?:[a-z]+ )?(?:{_ROLES})) {_PERSON}\b"),
)
_NO_PERSON = frozenset(
    """
    police department company inc university office ministry house news times court council agency committee commission
    bank center centre association institute foundation organization organisation union party group school college
    hospital airlines air force army navy state states county city street river lake park island north south east west
    new saint monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december officials authorities government congress senate parliament press post journal
    reuters cnn bbc guardian today the this that these those in on at for and but as when while after before according
    he she it they we his her their its our my your who what there here if with from by to of an a no not yes also
    international national american british european chinese russian indian french german associated world united
    service services study report research researchers museum society team club league cup games society church prince
    princess king queen president minister secretary senator governor mayor judge justice general captain chief director
    dr mr mrs ms sir lord dame pope professor former speaker rep sen gov attorney chairman officer sheriff sgt lt col
    councilwoman councilman councilmember congressman congresswoman congressperson images photo getty video
    watch related
    """.split()
)
_NAME_INSIDE = re.compile(r"(?<=[a-z0-9,’] )[A-Z][\w’'&-]*")
_COMMON = re.compile(r"\b[a-z][a-z’'-]+\b")
_AFTER_THE = re.compile(r"\bthe ([A-Z]\w+)(?: ([A-Z]\w+))?")
_QUOTES = re.compile(r"[“\"][^”\"]*[”\"]")


@dataclass(frozen=True, slots=True)
class Around:
    """Words of the texts around a sentence: ``names`` with a capital inside sentences, ``common`` without one,
    ``after_the`` with a capital behind "the", at most one word between."""

    names: frozenset[str]
    common: frozenset[str]
    after_the: frozenset[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Around:
        text = "\n".join(texts)
        return cls(
            frozenset(name.rstrip("’'") for name in _NAME_INSIDE.findall(text)),
            frozenset(_COMMON.findall(text)),
            frozenset(word for pair in _AFTER_THE.findall(text) for word in pair if word),
        )


def questions_about_people(sentence: str, around: Around) -> list[MadeQuestion]:
    """What somebody says whom the sentence quotes by name and role, or else who somebody is whom it introduces.

    :param around: What there is around it, which shows what is no person: "environment", "the Bengals".
    """
    plain = " ".join(_QUOTES.sub("“”", sentence).split())
    if (said := _first(plain, _QUOTED_AFTER, around)) is not None and _is_role(said["role"]):
        return [MadeQuestion("says", f"What does {said['name']}, {said['role']}, say?", sentence)]
    if (said := _first(plain, _QUOTED_BEFORE, around)) is not None:
        return [MadeQuestion("says", f"What does {said['role']} {said['name']} say?", sentence)]
    if (introduced := _first(plain, _INTRODUCED, around)) is not None:
        return [MadeQuestion("is", f"Who is {introduced['name']}?", introduced["role"])]
    return []


def _is_role(role: str) -> bool:
    return len(role) <= _MAX_ROLE_CHARS and not re.search(r"\b(?:said|says|told|is|was|has|had|who|which|that)\b", role)


def _first(sentence: str, patterns: tuple[re.Pattern[str], ...], around: Around) -> re.Match[str] | None:
    """The first match whose name may be a person's."""
    matches = (match for pattern in patterns for match in pattern.finditer(sentence))
    return next((match for match in matches if _is_person(match["name"], around)), None)


def _is_person(name: str, around: Around) -> bool:
    words = name.lower().split()
    is_thing = name.split()[-1] in around.after_the or any(word in around.common for word in words if len(word) > 2)
    is_of_country = re.search(r"(?:ian|ean|yan|can|ese|ish)$", words[0]) is not None and len(words) > 2
    return (
        not _NO_PERSON & set(words) and not is_thing and not is_of_country and not name.endswith(("’s", "'s", "’", "'"))
    )
