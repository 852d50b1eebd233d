"""Reads an answer's headers, believing nothing that is not well-formed; knows nothing of connections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

from index.errors import PermanentFetchError
from index.fetching.bodies import Encoding

_MEDIA_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60})\s*(?:;|$)")
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?\s*([a-z0-9][a-z0-9_.:-]{0,39})")
_VALIDATOR = re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*")
_MAX_VALIDATOR_CHARACTERS = 500
_MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
_ENCODINGS: dict[str, Encoding] = {
    "": "identity",
    "identity": "identity",
    "gzip": "gzip",
    "x-gzip": "gzip",
    "deflate": "deflate",
}


class AnswerHeaders:
    """The headers of one answer; names in any case."""

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())

    def get(self, name: str) -> str | None:
        """The first value under a lower-case name."""
        values = self._values.get(name)
        return values[0] if values else None

    def media_type(self) -> str | None:
        """The media type, lower case, without parameters."""
        match = _MEDIA_TYPE.match((self.get("content-type") or "").lower())
        return match[1] if match else None

    def charset(self) -> str | None:
        """The charset of the media type, lower case, where this Python can decode it."""
        match = _CHARSET.search((self.get("content-type") or "").lower())
        if match is None:
            return None
        try:
            b"a".decode(match[1], errors="ignore")  # of no bytes, Python looks up no codec
        except (LookupError, UnicodeError):  # unknown, or no encoding of text
            return None
        return match[1]

    def etag(self) -> str | None:
        """The entity tag, where it is one that can be sent back."""
        return self._validator("etag")

    def last_modified(self) -> str | None:
        """The time of the last change as the server wrote it, where it can be sent back."""
        return self._validator("last-modified")

    def location(self) -> str | None:
        """Where a redirect leads; many servers send it as bare UTF-8."""
        value = self.get("location")
        try:
            return value.encode("latin-1").decode("utf-8") if value is not None else None
        except UnicodeDecodeError:
            return value

    def content_length(self) -> int | None:
        """How many bytes the body is said to have."""
        value = self.get("content-length") or ""
        return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else None

    def encoding(self) -> Encoding:
        """How the body is packed.

        :raises PermanentFetchError: In a way that was not asked for, or in several.
        """
        named = ",".join(self._values.get("content-encoding", [])).lower()
        names = [name.strip() for name in named.split(",") if name.strip() not in ("", "identity")]
        if len(names) > 1:
            raise PermanentFetchError("the body is compressed more than once; only gzip or deflate is unpacked")
        encoding = _ENCODINGS.get(names[0] if names else "")
        if encoding is None:
            raise PermanentFetchError("the body is compressed in a way that was not asked for; gzip or deflate is read")
        return encoding

    def retry_after_seconds(self, now: float) -> float | None:
        """How long to wait as the server asks, at most a day; ``now`` is in seconds since 1970."""
        value = self.get("retry-after") or ""
        if re.fullmatch(r"[0-9]{1,12}", value):
            return min(float(value), _MAX_RETRY_AFTER_SECONDS)
        try:
            moment = parsedate_to_datetime(value)
            seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):  # what the parser raises for what is no date
            return None
        return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)

    def _validator(self, name: str) -> str | None:
        value = self.get(name)
        return value if value is not None and is_validator(value) else None


def is_validator(value: str) -> bool:
    """Whether a text can be sent in If-None-Match or If-Modified-Since: printable ASCII and not long."""
    return len(value) <= _MAX_VALIDATOR_CHARACTERS and _VALIDATOR.fullmatch(value) is not None
