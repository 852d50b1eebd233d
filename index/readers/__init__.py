"""Readers: files, folders, uploaded bytes and records become articles or named rejections.

Knows nothing of where articles are stored or how they are found.
"""

from index.readers.files import ENDINGS, read_bytes, read_path
from index.readers.future_dates import without_future_date
from index.readers.limits import ReadLimits
from index.readers.records import article_from_mapping

__all__ = ["ENDINGS", "ReadLimits", "article_from_mapping", "read_bytes", "read_path", "without_future_date"]
