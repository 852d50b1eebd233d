"""Keeps the rows of an unfinished evaluation in a file, so that a killed one goes on; knows nothing of questions.

One JSON object a line: a header with the fingerprint of the run, then a row as soon as it is made. A line that a kill
cut short is dropped; a question that ended in an error is asked again, and its last row counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from index.errors import BadInputError, StorageError
from qa.evaluation.provenance import differences
from qa.evaluation.scoring import Row

_REMEDY = "give another --out, or --restart to begin anew"


class Journal:
    """An open journal; a context manager.

    :param fingerprint: JSON values that rows depend on: data, mode, models, settings.
    :param code: The hash of the code (:func:`qa.evaluation.provenance.code_sha256`).
    :param restart: Drop what the file holds.
    :param any_code: Go on although the code has changed; the report will name every version.
    :raises BadInputError: If the file holds rows of another run, or is no journal.
    :raises StorageError: If it cannot be written.
    """

    def __init__(
        self, path: Path, fingerprint: Mapping[str, Any], code: str, *, restart: bool = False, any_code: bool = False
    ) -> None:
        self._path = path
        self._fingerprint = json.loads(json.dumps(fingerprint))  # as it will be read back
        self.rows: dict[str, Row] = {}
        self.codes: list[str] = []
        """Hashes of the versions of the code that made the rows, oldest first."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if restart:
                path.unlink(missing_ok=True)
            self._file = self._resumed()
        except OSError as error:
            raise StorageError(f"the journal {path} cannot be written: {error.strerror}") from error
        try:
            self._note(code, any_code)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, row: Row) -> None:
        """:raises StorageError: If the disk refuses."""
        self._write(row.to_json())
        self.rows[row.question_id] = row

    def _write(self, value: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(value, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise StorageError(f"the journal {self._path} cannot be written: {error.strerror}") from error

    def _resumed(self) -> TextIO:
        """The file opened at its end, its rows read and a torn last line cut off."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            data = b""
        whole = data[: data.rfind(b"\n") + 1]
        for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, TypeError, KeyError) as error:
                raise BadInputError(f"{self._path}:{number} is no line of a journal ({error}); {_REMEDY}") from error
        if len(whole) < len(data):
            os.truncate(self._path, len(whole))
        return self._path.open("a", encoding="utf-8")

    def _take(self, value: Mapping[str, Any]) -> None:
        if "fingerprint" in value:
            if other := differences(value["fingerprint"], self._fingerprint):
                raise BadInputError(f"{self._path} holds rows of another run ({'; '.join(other[:3])}); {_REMEDY}")
            self._begin(str(value["code"]))
            return
        if not self.codes:
            raise ValueError("there is no header before it")
        row = Row.from_json(value)
        self.rows[row.question_id] = row

    def _begin(self, code: str) -> None:
        # A version that made no row before the next one came is no part of the mixture.
        self.codes = [*self.codes, code] if self.rows else [code]

    def _note(self, code: str, any_code: bool) -> None:
        """A header for a new journal, and for going on with other code."""
        if self.codes and self.codes[-1] == code:
            return
        if self.rows and not any_code:
            raise BadInputError(
                f"{self._path} holds {len(self.rows)} rows made by another version of the code; --restart asks them "
                "again, --any-code goes on with a mixture"
            )
        self._begin(code)
        self._write({"fingerprint": self._fingerprint, "code": code})
