"""Makes rows of replies, figures of rows and tables of figures; knows nothing of stacks or processes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from qa.evaluation.matching import holds, searchable, searchable_answers
from qa.evaluation.resampling import mean_interval, paired_difference
from qa.evaluation.scoring import best_f1
from qa.metrics import exact_match

Json = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

DEPTHS = (1, 4, 10)
NUM_WORDS = 400
"""Passages differ in length between stacks; what stands in the first so many words is comparable."""
OURS = "article-qa full"


def search_row(question_id: str, answers: Sequence[str], reply: Mapping[str, Any]) -> Json:
    """``gold_rank`` is the 1-based rank of the first passage that holds a gold answer, None where none does."""
    gold = searchable_answers(answers)
    passages = reply["passages"]
    ranks = (rank for rank, text in enumerate(passages, start=1) if holds(searchable(text), gold))
    first_words = " ".join(" ".join(passages).split()[:NUM_WORDS])
    return {
        "kind": "search",
        "id": question_id,
        "seconds": reply["seconds"],
        "cpu_seconds": reply["cpu_seconds"],
        "gold_rank": next(ranks, None),
        "gold_in_first_words": holds(searchable(first_words), gold),
        "words_per_passage": statistics.mean(len(text.split()) for text in passages) if passages else 0.0,
    }


def ask_row(question_id: str, answers: Sequence[str], reply: Mapping[str, Any], server_cpu_seconds: float) -> Json:
    """``f1`` and ``em`` of the answer; ``is_said``: a gold answer stands somewhere in all that was said;
    ``cpu_seconds``: of the stack and the model's server together."""
    return {
        "kind": "ask",
        "id": question_id,
        **{key: reply[key] for key in ("seconds", "first_word_seconds", "evidence_seconds", "answer")},
        "cpu_seconds": reply["cpu_seconds"] + server_cpu_seconds,
        "f1": best_f1(reply["answer"], answers),
        "em": float(any(exact_match(reply["answer"], answer) for answer in answers)),
        "is_said": holds(searchable(reply["text"]), searchable_answers(answers)),
    }


def figures(rows: Rows) -> Json:
    """Of one stack in one setting, all its rounds together."""
    asks, searches = _of(rows, "ask"), _of(rows, "search")
    loads, memory = _of(rows, "load"), _of(rows, "memory")
    return {
        "versions": dict(loads[-1]["versions"]) if loads else {},
        "load_seconds": spread([row["seconds"] for row in loads]),
        "index_seconds": spread([row["seconds"] for row in _of(rows, "index")]),
        "index_cpu_seconds": spread([row["cpu_seconds"] for row in _of(rows, "index")]),
        "num_passages": next((row["num_passages"] for row in _of(rows, "index")), None),
        "search_seconds": spread([row["seconds"] for row in searches]),
        "words_per_passage": _mean([row["words_per_passage"] for row in searches]),
        "hit": {str(k): _share(searches, lambda row, k=k: (row["gold_rank"] or k + 1) <= k) for k in DEPTHS},
        "hit_first_words": _share(searches, lambda row: row["gold_in_first_words"]),
        "search_cpu_seconds": spread([row["cpu_seconds"] for row in searches]),
        "ask_cpu_seconds": spread([row["cpu_seconds"] for row in asks]),
        "ask_seconds": spread([row["seconds"] for row in asks]),
        "first_word_seconds": spread([row["first_word_seconds"] for row in asks]),
        "evidence_seconds": spread([row["evidence_seconds"] for row in asks]),
        "f1": mean_interval([row["f1"] for row in asks]).to_json(),
        "em": mean_interval([row["em"] for row in asks]).to_json(),
        "said": _share(asks, lambda row: row["is_said"]),
        "peak_mib": max((row["peak_mib"] for row in memory), default=None),
        "server_peak_mib": max((row["server_peak_mib"] for row in memory if row["server_peak_mib"]), default=None),
        "errors": [row["error"] for row in _of(rows, "error")],
    }


def compared(by_setting: Mapping[str, Rows]) -> dict[str, Json]:
    """The figures of each setting, with the paired difference of F1 to :data:`OURS` where both were asked."""
    ours = {row["id"]: row["f1"] for row in _of(by_setting.get(OURS, ()), "ask")}
    report = {}
    for name, rows in by_setting.items():
        theirs = {row["id"]: row["f1"] for row in _of(rows, "ask")}
        both = [key for key in theirs if key in ours]
        difference = paired_difference([ours[key] for key in both], [theirs[key] for key in both])
        report[name] = {**figures(rows), "f1_of_ours_more": difference.to_json() if name != OURS else None}
    return report


def spread(seconds: Sequence[float | None]) -> Json | None:
    """Median, quartiles, 95th percentile (each of them a value that occurred) and number; None of nothing."""
    values = sorted(value for value in seconds if value is not None)
    if not values:
        return None

    def quantile(share: float) -> float:
        return values[min(len(values) - 1, int(share * len(values)))]

    return {
        "median": statistics.median(values),
        "low": quantile(0.25),
        "high": quantile(0.75),
        "p95": quantile(0.95),
        "n": len(values),
    }


def retrieval_table(report: Mapping[str, Json]) -> str:
    """Markdown: indexing and searching. Ratios are to :data:`OURS`."""
    header = [
        "stack and setting",
        "passages (words each)",
        "load s",
        "index s",
        "CPU s",
        "CPU ×",
        "query ms, median [quartiles] p95",
        "×",
    ]
    header += ["hit@1", "hit@4", "hit@10", f"in the first {NUM_WORDS} words"]
    base = report.get(OURS, {})
    lines = []
    for name, own in report.items():
        if own["search_seconds"] is None:
            continue
        lines.append(
            [
                name,
                f"{own['num_passages']:,} ({own['words_per_passage']:.0f})",
                _median(own["load_seconds"], 1, ".1f"),
                _median(own["index_seconds"], 1, ".1f"),
                _median(own["index_cpu_seconds"], 1, ".0f"),
                _ratio(own, base, "index_cpu_seconds"),
                _spread_text(own["search_seconds"], 1000, ".0f"),
                _ratio(own, base, "search_seconds"),
                *(_decimal(own["hit"][str(k)]["value"]) for k in DEPTHS),
                _decimal(own["hit_first_words"]["value"]),
            ]
        )
    return _table(header, lines)


def answer_table(report: Mapping[str, Json]) -> str:
    """Markdown: answering and memory. Ratios are to :data:`OURS`."""
    header = ["stack and setting", "n", "first word s, median [quartiles] p95", "×", "whole answer s", "×"]
    header += ["CPU s", "CPU ×"]
    header += ["F1 [95%]", "ours more by [95%]", "exact", "gold said", "peak MiB", "server's peak MiB"]
    base = report.get(OURS, {})
    lines = []
    for name, own in report.items():
        if own["ask_seconds"] is None:
            continue
        lines.append(
            [
                name,
                str(own["ask_seconds"]["n"]),
                _spread_text(own["first_word_seconds"], 1, ".2f"),
                _ratio(own, base, "first_word_seconds"),
                _spread_text(own["ask_seconds"], 1, ".2f"),
                _ratio(own, base, "ask_seconds"),
                _median(own["ask_cpu_seconds"], 1, ".1f"),
                _ratio(own, base, "ask_cpu_seconds"),
                _interval(own["f1"]),
                _interval(own["f1_of_ours_more"]),
                _decimal(own["em"]["value"]),
                _decimal(own["said"]["value"]),
                _whole(own["peak_mib"]),
                _whole(own["server_peak_mib"]),
            ]
        )
    return _table(header, lines)


def version_list(report: Mapping[str, Json]) -> str:
    """Markdown: one line for each stack."""
    stacks = {name.split()[0]: own["versions"] for name, own in report.items()}
    lines = (f"- {stack}: " + ", ".join(f"{k} {v}" for k, v in versions.items()) for stack, versions in stacks.items())
    return "\n".join(lines)


def _of(rows: Rows, kind: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["kind"] == kind]


def _share(rows: Rows, is_so: Any) -> Json:
    return mean_interval([float(is_so(row)) for row in rows]).to_json()


def _mean(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None


def _ratio(own: Json, base: Mapping[str, Any], key: str) -> str:
    if not own[key] or not base.get(key):
        return "–"
    return f"{own[key]['median'] / base[key]['median']:.1f}"


def _whole(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _median(spread_: Json | None, factor: float, form: str) -> str:
    return format(factor * spread_["median"], form) if spread_ else "–"


def _spread_text(spread_: Json | None, factor: float, form: str) -> str:
    if spread_ is None:
        return "–"
    median, low, high, p95 = (format(factor * spread_[key], form) for key in ("median", "low", "high", "p95"))
    return f"{median} [{low}–{high}] {p95}"


def _interval(figure: Json | None) -> str:
    if figure is None or figure["value"] is None:
        return "–"
    return f"{_decimal(figure['value'])} [{_decimal(figure['low'])}, {_decimal(figure['high'])}]"


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
