"""How much of anything the readers take before they refuse it; knows nothing of how a format is read."""

from __future__ import annotations

from dataclasses import dataclass, fields

from index.errors import ConfigError

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Caps on what one file, line or article may cost. Sizes count bytes as read, before decoding.

    JSON lines files may be of any size, since they are read line by line; every other file is read whole.
    """

    max_file_bytes: int = 50 * MIB
    max_article_chars: int = 1_000_000
    max_line_bytes: int = 8 * MIB
    # Compressed files: text packs some 3 to 10 times, a decompression bomb a thousand times. The ratio counts only
    # beyond the first 64 MiB, so that a small repetitive file passes.
    max_unpacked_bytes: int = 20 * 1024 * MIB
    max_unpacked_ratio: int = 100
    free_unpacked_bytes: int = 64 * MIB
    # A file with more bad lines than this for each article is something else with the wrong name, or made to fill the
    # memory with rejections.
    max_bad_lines_per_article: int = 1_000
    # Documents (PDF, Word) and the web pages and e-mails that are expensive to parse get a process of their own with
    # these caps.
    max_page_seconds: float = 20.0
    max_document_seconds: float = 60.0
    max_parser_memory_bytes: int = 2 * 1024 * MIB
    # A Word document is a ZIP archive, all of which is unpacked into memory.
    max_document_bytes: int = 256 * MIB
    max_document_members: int = 5_000

    def __post_init__(self) -> None:
        """:raises ConfigError: A limit is not positive."""
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ConfigError(f"read limit {field.name} is {getattr(self, field.name)}; it must be above 0")

    def unpacked_bytes_allowed(self, packed_bytes: int) -> int:
        """Bytes that a compressed file of ``packed_bytes`` may unpack to."""
        return min(self.max_unpacked_bytes, max(self.free_unpacked_bytes, packed_bytes * self.max_unpacked_ratio))


DEFAULT_LIMITS = ReadLimits()
