"""Reads e-mails saved as .eml: subject, sender, date and the text of the message; attachments are named, not read.

Knows nothing of mailboxes and of how a page's markup is read: that is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import CloseBoundaryNotFoundDefect
from email.message import EmailMessage, MIMEPart

from index.errors import BadInputError
from index.readers.apart import MAIL_KIND, parse_apart
from index.readers.cleaning import clean_line, clean_text
from index.readers.decoding import decode_declared
from index.readers.html import parse_markup
from index.readers.language import language_code
from index.readers.limits import ReadLimits
from index.readers.text import unwrap

ReadPage = Callable[[str], dict[str, object]]

# Some header of these stands in every e-mail, and hardly at the head of anything else.
_MARKS = ("from", "date", "subject", "message-id", "received")
_ENCRYPTED = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
# The standard library reads some headers in quadratic time; honest ones are far shorter.
_MAX_HEADER_CHARS = 20_000
_LIGHT_MAIL_BYTES = 200_000
_LIGHT_MAIL_PARTS = 200
_FLOWED_BREAK = re.compile(r"(?<=[^\s-]) \n(?=[^\s>])")  # RFC 3676: a line that ends in a space goes on
# Messages are laid out with tables: what stands in their cells are paragraphs, not the rows of a table.
_LAYOUT_TAG = re.compile(r"<(/?)(?:table|thead|tbody|tfoot|tr|t[dh]|center)\b[^<>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Part:
    """The text of a message, decoded from its transfer encoding but not from its charset."""

    payload: bytes
    charset: str | None
    is_flowed: bool


@dataclass(frozen=True, slots=True)
class _Mail:
    """What the library found, as it is."""

    subject: str
    sender_name: str
    sender_address: str
    date: str
    language: str
    page: _Part | None
    plain: _Part | None
    attachments: list[str]


def parse_eml(data: bytes, limits: ReadLimits) -> dict[str, object]:
    """The article record of an e-mail (see :mod:`index.readers.records`); expensive ones get a process of their own.

    :raises BadInputError: It is no e-mail, cut short, encrypted, without text, or too expensive to parse.
    """
    is_light = len(data) <= _LIGHT_MAIL_BYTES and data.count(b"\n--") <= _LIGHT_MAIL_PARTS
    if is_light:
        return extract_eml(data, limits, lambda markup: parse_markup(markup, limits))
    return parse_apart(MAIL_KIND, data, limits)


def extract_eml(data: bytes, limits: ReadLimits, read_page: ReadPage) -> dict[str, object]:
    """As :func:`parse_eml`, in this process.

    :param read_page: Makes an article record of the markup of a message; raises BadInputError when it holds no text.
    :raises BadInputError: It is no e-mail, cut short, encrypted or without text.
    """
    mail = _mail(data)
    found = _text(mail, limits, read_page)
    host = clean_line(mail.sender_address.rpartition("@")[2]).lower()
    name = clean_line(mail.sender_name) or clean_line(mail.sender_address)
    record: dict[str, object] = {
        "title": clean_line(mail.subject),
        "published_at": clean_line(mail.date) or None,
        "source": host or name,
        "text": found["text"],
    }
    optional = {
        "author": name,
        "language": language_code(mail.language, found.get("language")),
        "attachments_not_read": [clean_line(attachment) for attachment in mail.attachments],
    }
    return record | {key: value for key, value in optional.items() if value}


def _text(mail: _Mail, limits: ReadLimits, read_page: ReadPage) -> dict[str, object]:
    """The record of the message's page if it has text, else one of its plain text.

    :raises BadInputError: Neither has.
    """
    reason = "holds no text"
    if mail.page:
        try:
            markup = decode_declared(mail.page.payload, mail.page.charset)
            return read_page(_LAYOUT_TAG.sub(r"<\1div>", markup))
        except BadInputError as error:
            reason = f"its message cannot be read: {error}"
    if mail.plain and mail.plain.payload.strip():
        text = decode_declared(mail.plain.payload, mail.plain.charset)
        # Checked before unwrapping; the record checks the clean text itself.
        if len(text) > 2 * limits.max_article_chars:
            chars = f"has {len(text):,} characters; an article may have at most {limits.max_article_chars:,}"
            raise BadInputError(f"{chars}, so split it")
        text = text.replace("\r\n", "\n")
        return {"text": unwrap(clean_text(_FLOWED_BREAK.sub(" ", text) if mail.plain.is_flowed else text))}
    attached = (
        f"; only attachments, which are not read: {', '.join(mail.attachments)[:200]}" if mail.attachments else ""
    )
    raise BadInputError(reason + attached)


def _mail(data: bytes) -> _Mail:
    try:
        message = message_from_bytes(data, policy=policy.default)
        _check(message)
        page, plain = (message.get_body((kind,)) for kind in ("html", "plain"))
        sender = message["from"]
        mailbox = sender.addresses[0] if sender is not None and sender.addresses else None
        return _Mail(
            subject=str(message["subject"] or ""),
            sender_name=mailbox.display_name if mailbox else "",
            sender_address=mailbox.addr_spec if mailbox else "",
            # As it stands there: the library leaves nothing of a date that it does not understand.
            date=next((value for name, value in message.raw_items() if name.lower() == "date"), ""),
            language=str(message["content-language"] or ""),
            page=_part(page),
            plain=_part(plain),
            attachments=[_name(part) for part in message.walk() if _is_attachment(part, page, plain)],
        )
    except BadInputError:
        raise
    except Exception as error:  # the parser raises many things on damaged headers; it is that message which is bad
        raise BadInputError(f"is damaged ({type(error).__name__}); save its text as .txt") from error


def _check(message: EmailMessage) -> None:
    """:raises BadInputError: It is no e-mail, or one that cannot be read."""
    names = {name.lower() for name in message.keys()}  # noqa: SIM118 - iterating over a message fails
    if not names.intersection(_MARKS):
        raise BadInputError("is no e-mail, whatever its name says (it has no From, Date or Subject)")
    for part in message.walk():
        longest = max((len(value) for _, value in part.raw_items()), default=0)
        if longest > _MAX_HEADER_CHARS:
            raise BadInputError(f"has a header of {longest:,} characters; at most {_MAX_HEADER_CHARS:,} are read")
        if part.get_content_type() in _ENCRYPTED:
            raise BadInputError("is encrypted; save the text of the message as .txt")
        if any(isinstance(defect, CloseBoundaryNotFoundDefect) for defect in part.defects):
            raise BadInputError("is cut short (the mark of its end is missing); save the message again")


def _part(part: MIMEPart | None) -> _Part | None:
    if part is None:
        return None
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return None
    is_flowed = str(part.get_param("format", "")).lower() == "flowed"
    return _Part(payload, part.get_content_charset(), is_flowed)


def _is_attachment(part: MIMEPart, *bodies: MIMEPart | None) -> bool:
    """Pictures within the page are part of how it looks, and other forms of the same text are no attachments."""
    if part.is_multipart() and part.get_content_type() != "message/rfc822":
        return False
    return part not in bodies and (part.is_attachment() or part.get_filename() is not None)


def _name(part: MIMEPart) -> str:
    return clean_line(part.get_filename() or part.get_content_type())
