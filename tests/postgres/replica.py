"""Article QA's command line in a process of its own, with the fake embedder and reader in place of the models."""

from __future__ import annotations

import app
from qa import composition
from tests.fakes import HashEmbedder
from tests.qa.sentence_reader import SentenceReader


def main() -> None:
    """Run the command line; all but the models is real."""
    for build in ("build_embedder", "lazy_embedder"):
        setattr(composition, build, lambda config: HashEmbedder())
    composition.build_reader = lambda config: SentenceReader(HashEmbedder())  # type: ignore[assignment]
    app.main()


if __name__ == "__main__":
    main()
