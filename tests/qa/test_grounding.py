"""What is kept of a text and what it cites: nothing that no passage supports, and every quote verbatim."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.grounding import Grounder, Span, make_citations, names, numbers
from tests.qa.helpers import PIER, found, make_passage

BAIC = make_passage(
    "Xiaomi may build its car in a BAIC plant in Qingdao. BAIC said that it had no information about it. "
    "Another option is a part of Hyundai's No. 2 plant in Beijing.",
    title="Xiaomi seeks a plant",
    source="Motor Week",
    published_at="2023-08-04",
    number=1,
)
NIO = make_passage(
    "NIO worked with JAC for years. The tie cost 1,200 yuan a car, and 3 models came of it.",
    title="How NIO began",
    number=2,
    start=100,
)


@pytest.fixture
def grounder() -> Grounder:
    return Grounder(found(BAIC, NIO))


def support(sentence: str, *texts: str) -> Span | None:
    passages = [make_passage(text, number=number) for number, text in enumerate(texts, start=1)]
    return Grounder(found(*passages)).support(sentence)


def quote_of(span: Span | None) -> str:
    assert span is not None
    return make_citations([span])[0].quote


# Markers and citations


def test_each_supported_sentence_gets_a_marker_in_order(grounder: Grounder) -> None:
    grounded = grounder.ground("BAIC said it had no information. NIO worked with JAC.")
    assert grounded.text == "BAIC said it had no information. [1] NIO worked with JAC. [2]"
    assert [citation.marker for citation in grounded.citations] == [1, 2]
    assert [citation.quote for citation in grounded.citations] == [
        "BAIC said that it had no information about it.",
        "NIO worked with JAC for years.",
    ]
    assert grounded.dropped == ()


def test_equal_spans_share_a_marker(grounder: Grounder) -> None:
    grounded = grounder.ground("NIO worked with JAC. BAIC had no information. NIO worked with JAC for years.")
    assert grounded.text.count("[1]") == 2
    assert [citation.marker for citation in grounded.citations] == [1, 2]


def test_same_sentence_in_two_passages_is_two_spans() -> None:
    spans = [Span(retrieved, 0, 5, 1.0) for retrieved in found(BAIC, NIO)]
    assert [citation.retrieved.passage for citation in make_citations(spans)] == [BAIC, NIO]


def test_unsupported_sentence_is_dropped_and_cites_nothing(grounder: Grounder) -> None:
    grounded = grounder.ground("NIO worked with JAC. The weather was cold and rainy.")
    assert grounded.text == "NIO worked with JAC. [1]"
    assert grounded.dropped == ("The weather was cold and rainy.",)
    assert len(grounded.citations) == 1


@pytest.mark.parametrize("text", ["", "  \n ", "…"])
def test_empty_text_leaves_nothing(text: str, grounder: Grounder) -> None:
    grounded = grounder.ground(text)
    assert grounded.text == ""
    assert grounded.citations == ()


def test_without_passages_nothing_is_supported() -> None:
    grounded = Grounder([]).ground("NIO worked with JAC.")
    assert grounded.text == ""
    assert grounded.dropped == ("NIO worked with JAC.",)


def test_markers_that_the_model_wrote_are_replaced(grounder: Grounder) -> None:
    grounded = grounder.ground("NIO worked with JAC [7]. BAIC had no information [1][4].")
    assert grounded.text == "NIO worked with JAC. [1] BAIC had no information. [2]"


def test_quote_is_verbatim_in_passage_and_article() -> None:
    start = PIER.text.index("The pier cost")
    passage = make_passage(PIER.text[start:], title=PIER.title, start=start)
    citation = Grounder(found(passage)).ground("The pier cost 12 million euros.").citations[0]
    assert citation.quote == passage.text[citation.start : citation.end]
    article_start, article_end = citation.article_span
    assert PIER.text[article_start:article_end] == citation.quote
    assert citation.quote.startswith("The pier cost 12 million euros")


def test_two_neighbouring_sentences_support_what_neither_does_alone() -> None:
    text = "Maria Lund leads the museum. She was born in Oslo, studied law and paints. Entry is free."
    quote = quote_of(support("Maria Lund leads the museum, studied law and paints.", text))
    assert quote == "Maria Lund leads the museum. She was born in Oslo, studied law and paints."


def test_one_sentence_is_quoted_alone_when_it_supports_all() -> None:
    text = "Entry is free. Maria Lund leads the museum. It opened in May."
    assert quote_of(support("Maria Lund leads the museum.", text)) == "Maria Lund leads the museum."


def test_better_ranked_passage_wins_a_tie() -> None:
    span = support("Entry is free.", "Entry is free.", "Entry is free.")
    assert span is not None
    assert span.retrieved.rank == 1


def test_support_is_the_share_of_words_found() -> None:
    span = support("museum opened garden daily", "The museum opened.", "Nothing else.")
    assert span is not None
    assert span.support == 0.5
    assert support("museum opened garden daily free", "The museum opened.") is None


# Hints


def test_second_sentence_must_earn_its_place_in_the_quote() -> None:
    grounder = Grounder(found(make_passage("Maria Lund leads the museum. A street in Oslo has its name.", title="")))
    sentence = "Maria Lund leads the museum."
    assert quote_of(grounder.support(sentence, hint="Who leads the Oslo museum since May?")) == sentence


def test_hint_decides_between_equal_stretches() -> None:
    text = "In Beijing stands a Hyundai plant. In Qingdao stands a BAIC plant."
    hinted = Grounder(found(make_passage(text)))
    assert quote_of(hinted.support("plant", hint="Which one is in Qingdao?")) == "In Qingdao stands a BAIC plant."
    assert quote_of(hinted.support("plant", hint="Which one is in Beijing?")) == "In Beijing stands a Hyundai plant."


def test_hint_supports_nothing(grounder: Grounder) -> None:
    assert grounder.support("weather cold rain", hint="BAIC information") is None


def test_hint_does_not_take_support_away() -> None:
    passages = found(
        make_passage("Harbour ferry prices rose.", title="", number=1),
        make_passage("Captain Mill repaired engine.", title="", number=2),
    )
    sentence, hint = "Mill repaired the ferry engine near the harbour", "Why did prices for the harbour ferry rise?"
    grounder = Grounder(passages)
    assert grounder.support(sentence) is not None
    assert quote_of(grounder.support(sentence, hint=hint)) == "Captain Mill repaired engine."


# Names and numbers


@pytest.mark.parametrize(
    "sentence",
    [
        "NIO worked with Geely.",
        "Geely worked with JAC for years.",
        "NIO worked with JAC for 6 years.",
        "NIO worked with JAC for six years.",
        "In 2021 NIO worked with JAC.",
        "BAIC said in Shanghai that it had no information about it.",
    ],
)
def test_sentence_with_a_foreign_name_or_number_is_unsupported(sentence: str, grounder: Grounder) -> None:
    assert grounder.support(sentence) is None


@pytest.mark.parametrize(
    "sentence",
    [
        "Three models came of the tie.",
        "In all, three models came of the tie.",
        "The tie cost 1200 yuan a car.",
        "The tie cost 1,200 yuan a car.",
        "Hyundai's No. two plant is in Beijing.",
    ],
)
def test_numbers_count_in_any_spelling(sentence: str, grounder: Grounder) -> None:
    assert grounder.foreign_names_and_numbers(sentence) == []
    assert grounder.support(sentence) is not None


def test_names_of_title_source_and_date_line_are_known(grounder: Grounder) -> None:
    assert grounder.foreign_names_and_numbers("Motor Week wrote on 4 August 2023 that Xiaomi seeks a plant.") == []
    assert grounder.foreign_names_and_numbers("Motor Week wrote on 5 August 2023.") == ["5"]
    assert grounder.foreign_names_and_numbers("Motor Day wrote in 2023.") == ["Day"]


def test_name_is_known_with_and_without_its_possessive() -> None:
    grounder = Grounder(found(make_passage("The licence of Xiaomi came late, and so did the one of the Lius.")))
    assert grounder.foreign_names_and_numbers("Xiaomi's licence came late.") == []
    assert grounder.foreign_names_and_numbers("Xiaomi’s licence came late.") == []


@pytest.mark.parametrize("name", ["G20", "5G", "F1", "COVID-19", "B-52", "A320neo", "$20M"])
def test_names_with_digits_are_known_where_they_stand(name: str) -> None:
    grounder = Grounder(found(make_passage(f"Leaders spoke about {name} in Rome.")))
    assert grounder.foreign_names_and_numbers(f"Leaders spoke about {name} in Rome.") == []
    elsewhere = Grounder(found(make_passage("Leaders spoke about trade in Rome.")))
    assert elsewhere.foreign_names_and_numbers(f"Leaders spoke about {name} in Rome.") != []


def test_text_that_the_prompt_normalises_is_known_as_the_model_sees_it() -> None:
    grounder = Grounder(found(make_passage("Oﬃcer Ｌｉｎｄ found １２ crates and ½ a boat.", title="")))
    assert grounder.foreign_names_and_numbers("Officer Lind found 12 crates.") == []
    grounded = grounder.ground("Officer Lind found 12 crates.")
    assert [citation.quote for citation in grounded.citations] == ["Oﬃcer Ｌｉｎｄ found １２ crates and ½ a boat."]


def test_name_at_the_start_of_a_sentence_counts() -> None:
    assert names("Geely bought it. The plant of Geely stands.") == ["Geely", "Geely"]


def test_function_words_at_the_start_of_a_sentence_are_no_names() -> None:
    assert names("The car is late. It was his. When? In May, with JAC.") == ["May", "JAC."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("three plants", {"3"}),
        ("Twenty plants", {"20"}),
        ("1,200 and 1200", {"1200"}),
        ("12,345,678.50", {"12345678.50"}),
        ("version 3.5.", {"3.5"}),
        ("on 1,2 and 3", {"1", "2", "3"}),
        ("2021,2022", {"2021", "2022"}),
        ("25% of $40", {"25", "40"}),
        ("often, tone, weight", set()),
        ("", set()),
    ],
)
def test_numbers_have_one_spelling(text: str, expected: set[str]) -> None:
    assert numbers(text) == expected


# Whatever the text

WORDS = st.sampled_from(
    [
        "BAIC",
        "NIO",
        "JAC",
        "said",
        "the",
        "plant",
        "three",
        "1,200",
        ".",
        "!",
        "\n",
        "No.",
        "[1]",
        "“",
        "’s",
        "é",
        "車。",
    ]
)
ANY_TEXT = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=25).map(" ".join))


@settings(max_examples=150, deadline=None)
@given(st.lists(ANY_TEXT, max_size=3), ANY_TEXT)
def test_grounding_never_raises_and_quotes_are_verbatim(texts: list[str], answer: str) -> None:
    passages = found(*(make_passage(text, number=number, start=7) for number, text in enumerate(texts, start=1)))
    grounded = Grounder(passages).ground(answer)
    assert [citation.marker for citation in grounded.citations] == list(range(1, len(grounded.citations) + 1))
    for citation in grounded.citations:
        text = citation.retrieved.passage.text
        assert 0 <= citation.start < citation.end <= len(text)
        assert citation.quote == text[citation.start : citation.end] != ""
        assert citation.article_span == (7 + citation.start, 7 + citation.end)
        assert f"[{citation.marker}]" in grounded.text


@settings(max_examples=60, deadline=None)
@given(ANY_TEXT)
def test_every_citation_of_a_copied_sentence_points_to_words_of_that_passage(answer: str) -> None:
    grounder = Grounder(found(BAIC, NIO))
    for citation in grounder.ground(answer).citations:
        assert citation.quote in citation.retrieved.passage.text
        assert grounder.foreign_names_and_numbers(citation.quote) == []
