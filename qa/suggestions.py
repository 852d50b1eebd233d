"""Suggests what may be asked next, from sentences of the passages an answer came with; knows no models and no pages.

Every suggestion is made of one sentence of an article that answers it, so none states what no article says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from index.sentences import split_sentences
from index.types import RetrievedPassage
from index.words import content_stems
from qa.people_questions import Around, questions_about_people
from qa.question_made import MadeQuestion
from qa.sentence_questions import questions_of
from qa.types import Answer

NUM_SUGGESTIONS = 3
_MAX_PASSAGES = 10
_TOO_ALIKE = 0.6


def suggestions(answer: Answer, asked: Sequence[str] = ()) -> list[MadeQuestion]:
    """At most three questions; none where no sentence makes a good one.

    Articles that are cited come first, then those that share words with the question. One that ``is_whole`` is to be
    asked by itself, the others after the answer.

    :param asked: Questions of the conversation so far, which are not suggested again.
    """
    passages = _in_order(answer)
    taken: list[MadeQuestion] = []
    known = [set(content_stems(question)) for question in (answer.question, answer.standalone_question, *asked)]
    for made in sorted(_made(passages, answer), key=_order):
        words = set(content_stems(made.question))
        is_repeated = made.kind in ("is", "says") and any(one.kind == made.kind for one in taken)
        if is_repeated or any(_alike(words, other) for other in known):
            continue
        known.append(words)
        taken.append(made)
        if len(taken) == NUM_SUGGESTIONS:
            break
    return taken


def _in_order(answer: Answer) -> list[RetrievedPassage]:
    cited = {citation.retrieved.passage.article_id for citation in answer.citations}
    wanted = set(content_stems(answer.standalone_question))
    first = [retrieved for retrieved in answer.passages if retrieved.passage.article_id in cited]
    others = [
        retrieved
        for retrieved in answer.passages
        if retrieved.passage.article_id not in cited
        and len(wanted & set(content_stems(f"{retrieved.passage.title} {retrieved.passage.text}"))) >= 2
    ]
    return [*first, *others][:_MAX_PASSAGES]


def _made(passages: Sequence[RetrievedPassage], answer: Answer) -> Iterator[MadeQuestion]:
    """One question of each sentence, in the order of the passages; sentences that the answer quotes make none."""
    around = Around.of(retrieved.passage.text for retrieved in passages)
    quotes = [citation.quote for citation in answer.citations]
    cited = {citation.retrieved.passage.article_id for citation in answer.citations}
    for retrieved in passages:
        text = retrieved.passage.text
        for sentence in split_sentences(text):
            words = text[sentence.start : sentence.end]
            if any(words in quote or quote in words for quote in quotes):
                continue
            is_cited = retrieved.passage.article_id in cited
            for made in [*questions_of(words, around.names)[:1], *questions_about_people(words, around)]:
                # Elsewhere "the match" would be another one, and whom a sentence introduces nobody asked about.
                if is_cited or (made.is_whole and made.kind != "is"):
                    yield made


def _order(made: MadeQuestion) -> tuple[bool, bool]:
    """What happened comes before who says what; last what is clear from the answer only."""
    return not made.is_whole, made.kind in ("is", "says")


def _alike(words: set[str], other: set[str]) -> bool:
    return bool(words) and len(words & other) / len(words | other) >= _TOO_ALIKE
