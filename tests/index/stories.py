"""Made-up wire stories and the changes that other outlets make to them."""

from __future__ import annotations

import random

from index.types import Article, make_article

_SYLLABLES = ("ba", "ko", "lin", "mar", "no", "pel", "ri", "sta", "tu", "ven", "wi", "zor")


def story(seed: int, *, num_sentences: int = 20, words_per_sentence: int = 12) -> str:
    """A text whose words mean nothing; texts of different seeds share hardly any run of words."""
    rng = random.Random(seed)
    sentences = []
    for _ in range(num_sentences):
        some = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(words_per_sentence)]
        sentences.append(" ".join(some).capitalize() + ".")
    paragraphs = [" ".join(sentences[i : i + 4]) for i in range(0, num_sentences, 4)]
    return "\n\n".join(paragraphs)


def first_part(text: str, share: float) -> str:
    """Cut at the end, as outlets with less room do."""
    words = text.split(" ")
    return " ".join(words[: round(len(words) * share)]) + "."


def outlet_article(text: str, outlet: str, *, day: str | None = "2024-03-05", title: str = "A story") -> Article:
    return make_article(
        text, title=title, url=f"https://{outlet.lower().replace(' ', '-')}.example/a", source=outlet, published_at=day
    )
