"""Turns text into the stems that are compared with each other; knows nothing of indexes or answers."""

from __future__ import annotations

from functools import cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

# They match nearly every passage, cost most of a search's time and decide nothing.
STOP_WORDS = frozenset(
    """
    a about after all also am an and any are as at be because been before being but by can could did do does
    doing for from had has have having he her here hers him his how i if in into is it its itself just me my
    no nor not of off on once only or our out over s same she should so some such t than that the their
    them then there these they this those to too under until up very was we were what when where which while
    who whom whose why will with would you your
    """.split()
)


def make_analyzer() -> TextAnalyzer:
    """Words in lower case without accents, English-stemmed: "économies" and "economy" both give "economi"."""
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in (Filter.remove_long(60), Filter.lowercase(), Filter.ascii_fold(), Filter.stemmer("english")):
        builder = builder.filter(step)
    return builder.build()


@cache
def _analyzer() -> TextAnalyzer:
    return make_analyzer()


def stems(text: str) -> list[str]:
    """Every word's stem, in order."""
    return list(_analyzer().analyze(text))


@cache
def _stop_stems() -> frozenset[str]:
    return STOP_WORDS | {stem for word in STOP_WORDS for stem in stems(word)}


def content_stems(text: str) -> list[str]:
    """Distinct stems in order of first appearance, without stop words."""
    return [stem for stem in dict.fromkeys(stems(text)) if stem not in _stop_stems()]
