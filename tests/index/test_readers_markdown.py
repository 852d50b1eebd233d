"""Markdown: which markup goes, which words stay, and where the title comes from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.readers import read_bytes
from index.readers.markdown import parse_markdown
from index.types import Article, Rejection


def _text(markdown: str) -> object:
    return parse_markdown(markdown)["text"]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        pytest.param("## The permit\n\nIt is late.", "The permit\n\nIt is late.", id="heading"),
        pytest.param("The permit\n----------\n\nIt is late.", "The permit\n\nIt is late.", id="underlined_heading"),
        pytest.param("It is **very** _late_ and `long`.", "It is very late and long.", id="emphasis"),
        pytest.param("See [the report](https://x.example 'why') now.", "See the report now.", id="link"),
        pytest.param("See [the report][1] now.\n\n[1]: https://x.example", "See the report now.", id="reference_link"),
        pytest.param("See <https://x.example/a>.", "See https://x.example/a.", id="bare_link"),
        pytest.param("![The bridge](b.png)\n\nIt is ![icon](i.png)late.", "It is late.", id="images"),
        pytest.param("One line\nand the next.", "One line and the next.", id="soft_break"),
        pytest.param("One line  \nand<br>the next.", "One line\nand\nthe next.", id="hard_break"),
        pytest.param("> Quoted\n> words.", "Quoted words.", id="quotation"),
        pytest.param("- one\n- two\n\n  more\n- three", "- one\n- two\n\nmore\n\n- three", id="list"),
        pytest.param("3. third\n4. fourth", "3. third\n4. fourth", id="numbered_list"),
        pytest.param("- a\n  - b\n    - c", "- a\n- b\n- c", id="nested_list"),
        pytest.param("| City | Index |\n|---|--:|\n| Paris | **112** |", "City | Index\nParis | 112", id="table"),
        pytest.param("Before\n\n```python\nx = 1\n```\n\nafter", "Before\n\nx = 1\n\nafter", id="code"),
        pytest.param("One\n\n---\n\nTwo", "One\n\nTwo", id="rule"),
        pytest.param("Fish &amp; chips \\*cost\\* 5 \\$", "Fish & chips *cost* 5 $", id="escapes"),
        pytest.param("It <b>is</b> late.<!-- not said -->", "It is late.", id="inline_html"),
        pytest.param("<div>It is &lt; late</div>\n\nEnd", "It is < late\n\nEnd", id="html_block"),
        pytest.param("<script>\nalert(1)\n</script>\n\nEnd", "End", id="script"),
        pytest.param("<!-- hidden\n\nwords -->\n\nEnd", "End", id="comment"),
    ],
)
def test_plain_text_of(markdown: str, text: str) -> None:
    assert _text(markdown) == text


def test_the_first_main_heading_is_the_title() -> None:
    record = parse_markdown("By Jane\n\n# The *late* bridge\n\nThe bridge is late.\n\n# Another\n\nMore.")
    assert record["title"] == "The late bridge"
    assert record["text"] == "By Jane\n\nThe bridge is late.\n\nAnother\n\nMore."


def test_a_title_with_a_word_of_its_own_also_stays_in_the_text() -> None:
    record = parse_markdown("# Bridge opens in 2031\n\nThe bridge is late.")
    assert record["title"] == "Bridge opens in 2031"
    assert record["text"] == "Bridge opens in 2031\n\nThe bridge is late."


def test_the_title_of_the_front_matter_wins() -> None:
    record = parse_markdown("---\ntitle: Late\n---\n# The bridge is late\n\nVery.")
    assert (record["title"], record["text"]) == ("Late", "The bridge is late\n\nVery.")


def test_a_heading_that_repeats_the_title_of_the_front_matter_goes() -> None:
    record = parse_markdown("---\ntitle: Open in 2031\n---\n# Open in 2031\n\nVery late.")
    assert (record["title"], record["text"]) == ("Open in 2031", "Very late.")


def test_a_file_that_is_only_a_heading_is_an_article() -> None:
    (article,) = read_bytes("a.md", b"# The bridge is late")
    assert isinstance(article, Article)
    assert (article.title, article.text) == ("The bridge is late", "The bridge is late")


def test_a_file_of_images_only_has_no_text() -> None:
    assert list(read_bytes("a.md", b"![x](y.png)")) == [Rejection("a.md", "its text is empty")]


@given(st.text(alphabet="ab #*_`[]()!<>|-\n&;~1.\\"))
def test_any_markdown_is_read(markdown: str) -> None:
    assert isinstance(_text(markdown), str)


@pytest.mark.parametrize("times", [4_000, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("piece", ["[", "![a", "*a ", "> ", "- ", "`", "<", "<!--", "a**b"])
def test_repeated_marks_do_not_take_long(piece: str, times: int) -> None:
    assert isinstance(_text(piece * times), str)
