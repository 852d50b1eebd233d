"""Fits the confidence of answers (qa/calibration.py) on questions with known answers, and prints the weights.

    python scripts/calibrate.py collect --data-dir var --questions Q.jsonl.gz --squad S.json.gz --out signals.jsonl
    python scripts/calibrate.py fit signals.jsonl

Questions are JSONL of {"question", "answers", "as_of"?}, asked of the indexed articles; SQuAD files give each question
its own paragraph. An answer counts as right when its token F1 with a gold answer is at least 0.5 (SQuAD normalisation).
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it comes without types
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from index.recency import reference_date
from index.retriever import Retriever
from index.types import Passage, RetrievedPassage
from qa.composition import Parts, build_parts
from qa.config import load_config
from qa.metrics import token_f1
from qa.service import parse_as_of
from qa.writer import AnswerWriter

_RIGHT_F1 = 0.5
_NUM_PASSAGES = 4
_SIGNALS = ("yes_no", "cosine")

Task = tuple[str, str, list[str], list[RetrievedPassage]]
"""(kind, question, gold answers, passages)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("--data-dir", type=Path)
    collecting.add_argument("--questions", type=Path)
    collecting.add_argument("--squad", type=Path)
    collecting.add_argument("--num", type=int, default=150, help="questions drawn from each file")
    collecting.add_argument("--seed", type=int, default=7)
    collecting.add_argument("--out", type=Path, required=True)
    collecting.set_defaults(run=_collect)
    fitting = commands.add_parser("fit")
    fitting.add_argument("signals", type=Path)
    fitting.set_defaults(run=_fit)
    arguments = parser.parse_args()
    arguments.run(arguments)


def _collect(arguments: argparse.Namespace) -> None:
    parts = build_parts(load_config(data_dir=arguments.data_dir))
    draw = random.Random(arguments.seed)  # noqa: S311  Sampling questions, not secrets.
    tasks = list(_news_tasks(parts, arguments, draw)) + list(_squad_tasks(parts, arguments, draw))
    draw.shuffle(tasks)
    with arguments.out.open("w", encoding="utf-8") as file:
        for task in tasks:
            file.write(json.dumps(_signals(parts, task), ensure_ascii=False) + "\n")
            file.flush()
    if parts.generator is not None:
        parts.generator.close()


def _signals(parts: Parts, task: Task) -> dict[str, Any]:
    kind, question, gold, passages = task
    assert parts.generator is not None
    verdict = AnswerWriter(parts.generator, passages, question).judge()
    return {
        "kind": kind,
        "question": question,
        "gold": gold,
        "short_answer": verdict.short_answer,
        "yes_no": verdict.yes_no,
        "cosine": passages[0].cosine,
        "is_supported": verdict.support is not None,
        "f1": max((token_f1(verdict.short_answer, answer) for answer in gold), default=0.0),
    }


def _news_tasks(parts: Parts, arguments: argparse.Namespace, draw: random.Random) -> Iterator[Task]:
    snapshot = parts.collection.snapshot()
    if arguments.questions is None or snapshot is None:
        return
    retriever = Retriever(parts.embedder)
    lines = [json.loads(line) for line in _read(arguments.questions).splitlines()]
    for line in draw.sample(lines, min(arguments.num, len(lines))):
        as_of = parse_as_of(line.get("as_of"))
        reference = reference_date(line["question"], as_of, as_of) if as_of is not None else None
        found = retriever.retrieve(snapshot, line["question"], _NUM_PASSAGES, reference=reference)
        yield "news", line["question"], line["answers"], found


def _squad_tasks(parts: Parts, arguments: argparse.Namespace, draw: random.Random) -> Iterator[Task]:
    if arguments.squad is None:
        return
    data = json.loads(_read(arguments.squad))["data"]
    triples = [(item["title"], p["context"], qa) for item in data for p in item["paragraphs"] for qa in p["qas"]]
    for number, (title, text, qa) in enumerate(draw.sample(triples, min(arguments.num, len(triples))), start=1):
        gold = [] if qa.get("is_impossible") else [answer["text"] for answer in qa["answers"]]
        vector = parts.embedder.embed_passages([f"{title}\n{text}"])[0]
        cosine = float(vector @ parts.embedder.embed_query(qa["question"]))
        passage = Passage(number, str(number), number, title.replace("_", " "), None, None, None, text, 0, len(text))
        yield "squad", qa["question"], gold, [RetrievedPassage(passage, 1, 1.0, "given", cosine=cosine, bm25=0.0)]


def _fit(arguments: argparse.Namespace) -> None:
    rows = [json.loads(line) for line in arguments.signals.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["is_supported"]]  # the others are never shown
    features = np.array([[row[name] for name in _SIGNALS] for row in rows])
    is_right = np.array([row["f1"] >= _RIGHT_F1 for row in rows])
    model = LogisticRegression(C=10.0).fit(features, is_right)
    weights = dict(zip(_SIGNALS, model.coef_[0].round(3).tolist(), strict=True))
    print(json.dumps({"intercept": round(float(model.intercept_[0]), 3), **weights}))
    # Each question is scored by a model fitted on the other nine tenths.
    held_out = _cross_validated(features, is_right)
    print(f"n {len(rows)}, right {is_right.mean():.3f}, AUROC {roc_auc_score(is_right, held_out):.3f}, ", end="")
    print(f"expected calibration error {_calibration_error(held_out, is_right):.3f}")
    for threshold in (0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6):
        print(f"  threshold {threshold:.2f}: {_at_threshold(rows, held_out, is_right, threshold)}")


def _cross_validated(features: Any, is_right: Any, num_folds: int = 10) -> Any:
    held_out = np.zeros(len(is_right))
    folds = np.random.default_rng(0).permutation(len(is_right)) % num_folds
    for fold in range(num_folds):
        model = LogisticRegression(C=10.0).fit(features[folds != fold], is_right[folds != fold])
        held_out[folds == fold] = model.predict_proba(features[folds == fold])[:, 1]
    return held_out


def _calibration_error(probabilities: Any, is_right: Any, num_bins: int = 10) -> float:
    """Expected calibration error over bins of equal size (Naeini et al., AAAI 2015, with equal-mass bins)."""
    bins = np.array_split(np.argsort(probabilities), num_bins)
    gaps = [len(b) * abs(probabilities[b].mean() - is_right[b].mean()) for b in bins]
    return float(sum(gaps) / len(probabilities))


def _at_threshold(rows: Sequence[dict[str, Any]], probabilities: Any, is_right: Any, threshold: float) -> str:
    answered = probabilities >= threshold
    impossible = np.array([not row["gold"] for row in rows])
    kept = answered[is_right].mean()
    return (
        f"answered {answered.mean():.2f}, right among them {is_right[answered].mean():.2f}, "
        f"right answers kept {kept:.2f}, unanswerable refused {(~answered[impossible]).mean():.2f}"
    )


def _read(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")


if __name__ == "__main__":
    main()
