"""E-mails: text and fields of sound messages, and one clear line for each kind of bad one."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.readers import ReadLimits, read_bytes
from index.types import Article, Rejection

_PAGE = (
    '<html lang="de"><body><p>The permit for the <b>new</b> bridge is late.</p><p>It costs three millions.</p></body>'
)


def _message(text: str | None = "The permit is late.\n", **headers: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in ({"From": "Ada Byron <ada@news.daily.example>", "Subject": "Bridge late"} | headers).items():
        message[name] = value
    if text is not None:
        message.set_content(text)
    return message


def _read(message: EmailMessage | bytes) -> Article:
    data = message if isinstance(message, bytes) else message.as_bytes()
    (article,) = read_bytes("a.eml", data)
    assert isinstance(article, Article), article
    return article


def _reason(data: bytes, limits: ReadLimits | None = None) -> str:
    (rejection,) = read_bytes("a.eml", data, limits=limits or ReadLimits())
    assert isinstance(rejection, Rejection), rejection
    return rejection.reason


def test_a_message_gives_its_text_and_fields() -> None:
    article = _read(_message(Date="Thu, 16 Jun 2022 23:30:00 -0500"))
    assert (article.title, article.published_at) == ("Bridge late", "2022-06-16")
    assert (article.source, article.metadata["author"]) == ("news.daily.example", "Ada Byron")
    assert article.text == "The permit is late."


def test_the_page_is_read_rather_than_the_plain_text() -> None:
    message = _message("See the page.\n")
    message.add_alternative(_PAGE, subtype="html")
    article = _read(message)
    assert article.text == "The permit for the new bridge is late.\n\nIt costs three millions."
    assert article.metadata["language"] == "de"


def test_tables_that_lay_out_a_message_are_read_as_paragraphs() -> None:
    message = _message("See the page.\n")
    row = "<tr><td><h1>Bridge late</h1><p>The permit is late.</p><p>It costs three millions.</p></td></tr>"
    message.add_alternative(f"<html><body><table width=600><tbody>{row}</tbody></table></body></html>", subtype="html")
    assert _read(message).text == "The permit is late.\n\nIt costs three millions."


def test_the_plain_text_is_read_when_the_page_has_none() -> None:
    message = _message()
    message.add_alternative("<html><body><img src=x></body></html>", subtype="html")
    assert _read(message).text == "The permit is late."


def test_attachments_are_named_and_not_read() -> None:
    message = _message()
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="permit.pdf")
    message.add_attachment("Notes on steel.", filename="übersicht.txt")
    article = _read(message)
    assert article.metadata["attachments_not_read"] == ["permit.pdf", "übersicht.txt"]
    assert article.text == "The permit is late."


def test_a_message_of_attachments_only_is_rejected_with_their_names() -> None:
    message = _message(None)
    message.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="permit.pdf")
    assert _reason(message.as_bytes()) == "holds no text; only attachments, which are not read: permit.pdf"


def test_encoded_headers_are_decoded() -> None:
    data = b"From: =?iso-8859-1?Q?Andr=E9?= <a@x.example>\nSubject: =?utf-8?B?5qmL?= late\n\nText.\n"
    article = _read(data)
    assert (article.title, article.metadata["author"]) == ("橋 late", "André")


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("iso-8859-1", "élève"),
        ("windows-1251", "Разрешение опаздывает"),
        ("shift_jis", "橋の許可"),
        ("utf-8", "é"),
    ],
)
def test_a_text_is_read_in_its_charset(charset: str, words: str) -> None:
    head = f"From: a@x.example\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
    assert _read(head.encode() + words.encode(charset)).text == words


def test_an_unknown_charset_costs_nothing_when_the_text_is_utf_8() -> None:
    head = b"From: a@x.example\nContent-Type: text/plain; charset=x-none\n\n"
    assert _read(head + "é".encode()).text == "é"


def test_flowed_lines_are_joined() -> None:
    head = b"From: a@x.example\nContent-Type: text/plain; format=flowed\n\n"
    assert _read(head + b"The permit \nis late.\nThe end.\n").text == "The permit is late.\nThe end."


def test_a_sender_without_a_name_is_its_address() -> None:
    article = _read(_message(From="ada@x.example"))
    assert (article.metadata["author"], article.source) == ("ada@x.example", "x.example")


def test_a_message_without_sender_or_date_is_read() -> None:
    article = _read(b"Subject: Bridge\n\nThe permit is late.\n")
    assert (article.title, article.source, article.published_at) == ("Bridge", None, None)
    assert "author" not in article.metadata


def test_a_date_that_is_none_is_kept_as_it_was() -> None:
    article = _read(b"From: a@x.example\nDate: yesterday\n\nThe permit is late.\n")
    assert article.published_at is None
    assert article.metadata["published_at_raw"] == "yesterday"


@pytest.mark.parametrize(
    "data", [b"plain text", b"%PDF-1.7\n%\xe2\xe3\n", b"<html><p>x</p>", b"Title: x\n\ntext", b"\n\nx"]
)
def test_what_is_no_message_is_rejected(data: bytes) -> None:
    assert _reason(data).startswith("is no e-mail, whatever its name says")


def test_a_truncated_message_is_rejected() -> None:
    message = _message()
    message.add_alternative(_PAGE, subtype="html")
    data = message.as_bytes()
    assert _reason(data[: len(data) - 60]) == "is cut short (the mark of its end is missing); save the message again"


@pytest.mark.parametrize(
    "kind", ['multipart/encrypted; boundary="b"', "application/pkcs7-mime; smime-type=enveloped-data"]
)
def test_an_encrypted_message_is_rejected(kind: str) -> None:
    data = f"From: a@x.example\nContent-Type: {kind}\n\n--b\n\nxxxx\n--b--\n".encode()
    assert _reason(data) == "is encrypted; save the text of the message as .txt"


def test_a_message_without_text_is_rejected() -> None:
    assert _reason(b"From: a@x.example\nSubject: x\n\n") == "holds no text"


def test_a_header_made_to_hurt_the_parser_is_rejected() -> None:
    assert _reason(b"From: " + b"(" * 100_000 + b"\n\ntext").startswith("has a header of 100,000 characters")


@pytest.mark.timeout(60)
def test_a_message_of_very_many_parts_ends_in_time() -> None:
    parts = b"--b\nContent-Type: text/plain\n\nx\n" * 20_000
    data = b"From: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n" + parts + b"--b--\n"
    results = list(read_bytes("a.eml", data, limits=ReadLimits(max_document_seconds=0.5)))
    assert len(results) == 1


def test_deeply_nested_parts_are_an_article_or_a_rejection() -> None:
    nest = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(500))
    (result,) = read_bytes("a.eml", b"From: a@x.example\n" + nest + b"\n\ntext")
    assert isinstance(result, Article | Rejection)


_LINES = [
    "From: ",
    "Subject: ",
    "Date: ",
    "Content-Type: multipart/mixed; boundary=b",
    "--b",
    "--b--",
    "",
    "text",
    "(" * 50,
]
_LINES += [
    "Content-Type: text/html; charset=",
    "Content-Transfer-Encoding: base64",
    "=?utf-8?Q?=00?=",
    "<",
    "@",
    '"',
    "a@b,",
    " ",
]


@settings(max_examples=150)
@given(st.lists(st.sampled_from(_LINES) | st.text(max_size=8), max_size=12), st.sampled_from(["", "\n"]))
def test_any_lines_are_an_article_or_a_rejection(lines: list[str], separator: str) -> None:
    data = "From: a\n" + separator.join(lines)
    (result,) = read_bytes("a.eml", data.encode("utf-8", "surrogatepass"))
    assert isinstance(result, Article | Rejection)
