"""Events of answers as the pipeline gives them: evidence first, then the decided short answer, then text under it."""

from __future__ import annotations

from dataclasses import replace

from index.types import make_article
from qa.types import Done, Event, EvidenceFound, TextWritten
from tests.qa.ui.fakes import (
    LANDING,
    LICENCE,
    LICENCE_QUESTION,
    QUOTE,
    FakeCollection,
    FakeService,
    answer,
    cited,
    licence_answer,
    retrieved,
)

COMMISSION = "The National Development and Reform Commission"
SUBSIDY = make_article(
    "China extends its subsidies for electric cars until the end of next year. The price of the car itself is set by "
    "each maker, and most have raised prices twice since spring.",
    title="Subsidies for electric cars are extended for another year",
    url="https://finance.example/subsidies",
    source="Finance Daily",
    published_at="2022-08-19",
)


def licence_events(*, mode: str = "full") -> list[Event]:
    """What the service gives for LICENCE_QUESTION."""
    passages = (retrieved(LICENCE, 1), retrieved(LANDING, 2), retrieved(SUBSIDY, 3))
    evidence = answer(
        LICENCE_QUESTION,
        "answered",
        short_answer=COMMISSION.removeprefix("The "),
        answer=f"{QUOTE}. [1]",
        confidence=0.88,
        citations=(cited(passages[0], f"{QUOTE}, which has not granted it so far."),),
        passages=passages,
    )
    found = EvidenceFound(LICENCE_QUESTION, passages, evidence)
    if mode == "fast":
        return [found, Done(evidence)]
    final = replace(licence_answer(passages[0], passages))
    words = final.answer.replace(" [1]", "").replace(" [2]", "").split()
    drafts = [TextWritten(f"{COMMISSION}\n\n{' '.join(words[: n + 1])}") for n in range(len(words))]
    return [found, TextWritten(COMMISSION), *drafts, Done(final)]


def asking_service(**options: object) -> FakeService:
    """A service that answers LICENCE_QUESTION in all steps, over three articles of three sources."""
    service = FakeService(FakeCollection([LICENCE, LANDING, SUBSIDY]), **options)  # type: ignore[arg-type]
    service.script[LICENCE_QUESTION] = licence_events()
    return service
