"""Draws the risk-coverage curve as a picture; knows nothing of how its points were found. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from index.errors import StorageError

_COVERAGE_BETWEEN_MARKS = 0.1


def plot_risk_coverage(path: Path, points: Sequence[Sequence[float]], *, title: str) -> None:
    """Write a PNG: accuracy of the answers given against the share of questions answered.

    :param points: (confidence, coverage, accuracy) each, most confident first.
    :raises StorageError: If it cannot be written.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)  # draws in memory: no window, no display
    axes = figure.add_subplot()
    coverages = [100 * coverage for _, coverage, _ in points]
    axes.plot(coverages, [100 * accuracy for _, _, accuracy in points], drawstyle="steps-pre", color="tab:blue")
    for confidence, coverage, accuracy in _marked(points):
        axes.annotate(
            f"{confidence:.2f}",
            (100 * coverage, 100 * accuracy),
            textcoords="offset points",
            xytext=(0, 6),
            ha="center",
            fontsize=8,
        )
        axes.plot(100 * coverage, 100 * accuracy, marker="o", markersize=4, color="tab:blue")
    axes.set(xlim=(0, 100), ylim=(0, 105), title=title)
    axes.set_xlabel("coverage: questions answered, % (numbers: least confidence answered)")
    axes.set_ylabel("accuracy: right among those answered, %")
    axes.grid(alpha=0.3)
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise StorageError(f"the plot {path} cannot be written: {error.strerror}") from error


def _marked(points: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """The last point and, going back, each that is far enough from the one marked before to be read."""
    marked: list[Sequence[float]] = []
    for point in reversed(points):
        if not marked or marked[-1][1] - point[1] >= _COVERAGE_BETWEEN_MARKS:
            marked.append(point)
    return marked
