"""Makes unanswerable questions and contexts from answerable ones; knows nothing of models.

Deceptive on purpose, like SQuAD 2.0's: a name, a number or a word is exchanged for another of its kind, or the
sentence that answers is taken out. The kinds of change follow Rajpurkar et al., "Know What You Don't Know" (ACL 2018),
table 2: negation, antonym, entity swap, mutual exclusion, impossible condition.
"""

from __future__ import annotations

import random
import re

from index.sentences import split_sentences
from qa.evidence_training.groups import Context

_PAIRS = """
first last, before after, more less, most least, largest smallest, biggest smallest, highest lowest, high low, older
younger, oldest youngest, early late, earlier later, north south, east west, northern southern, eastern western, up
down, increase decrease, increased decreased, rise fall, won lost, win lose, best worst, better worse, longest shortest,
long short, always never, male female, men women, son daughter, father mother, brother sister, husband wife, king queen,
begin end, began ended, started stopped, start stop, opened closed, open close, accept reject, accepted rejected,
support oppose, supported opposed, allow forbid, allowed forbidden, internal external, major minor, majority minority,
maximum minimum, public private, positive negative, possible impossible, legal illegal, buy sell, bought sold, black
white, hot cold, strong weak, fast slow, easy difficult, new old, left right, top bottom, good bad, love hate, loved
hated, like dislike, same different, upper lower, inside outside, former current, modern ancient, expensive cheap,
heavy light
"""
_ANTONYMS: dict[str, str] = {}
for _pair in _PAIRS.replace("\n", " ").split(","):
    _one, _other = _pair.split()
    _ANTONYMS.setdefault(_one, _other)
    _ANTONYMS.setdefault(_other, _one)

_NAME = re.compile(r"(?<=[a-z,;:] )[A-Z][\w’'-]+(?: (?:of |the |de )?[A-Z][\w’'-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\d\b|\b\d\b")
_VERB = re.compile(r"\b(did|does|do|was|were|is|are|has|have|can|could|will|would|should)\b")


def deceptive_question(question: str, context: str, rng: random.Random) -> str | None:
    """The question with one thing changed so that the context most likely no longer answers it; None if nothing
    fits."""
    ways = [_swap_name, _swap_number, _swap_antonym, _negate]
    # Negation is easy to learn from one word alone: keep it rare.
    order = sorted(ways, key=lambda way: rng.random() + (0.9 if way is _negate else 0.0))
    for way in order:
        if way is _negate and rng.random() < 0.5:
            continue
        changed = way(question, context, rng)
        if changed is not None and changed != question:
            return changed
    return None


def without_answer(context: Context) -> Context | None:
    """The context without the sentences that hold an answer; None when too little is left."""
    kept = [
        context.text[s.start : s.end]
        for s in split_sentences(context.text)
        if not any(a < s.end and s.start < b for a, b in context.spans)
    ]
    text = " ".join(kept)
    return Context(context.title, text) if len(text) >= 80 else None


def _swap_name(question: str, context: str, rng: random.Random) -> str | None:
    own = _NAME.findall(question)
    others = sorted({name for name in _NAME.findall(context) if name not in question})
    if not own or not others:
        return None
    return question.replace(rng.choice(own), rng.choice(others), 1)


def _swap_number(question: str, context: str, rng: random.Random) -> str | None:
    own = _NUMBER.findall(question)
    if not own:
        return None
    chosen = rng.choice(own)
    others = sorted({n for n in _NUMBER.findall(context) if n not in question and len(n) == len(chosen)})
    if others:
        return _replaced(question, chosen, rng.choice(others))
    if not chosen.isdigit():
        return None
    return _replaced(question, chosen, str(abs(int(chosen) + rng.choice([-7, -3, -2, 2, 3, 5, 10]))))


def _replaced(question: str, number: str, other: str) -> str:
    """With one number that stands alone exchanged, not digits inside another."""
    return re.sub(rf"(?<![\d.,]){re.escape(number)}(?!\d)", other, question, count=1)


def _swap_antonym(question: str, context: str, rng: random.Random) -> str | None:
    found = [word for word in re.findall(r"[a-z]+", question) if word in _ANTONYMS]
    if not found:
        return None
    word = rng.choice(found)
    return re.sub(rf"\b{word}\b", _ANTONYMS[word], question, count=1)


def _negate(question: str, context: str, rng: random.Random) -> str | None:
    match = _VERB.search(question)
    if match is None or " not " in question:
        return None
    place = match.end(1)
    return f"{question[:place]} not{question[place:]}"
