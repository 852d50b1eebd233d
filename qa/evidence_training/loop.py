"""Trains an extractive reader on groups, deterministic and resumable; knows nothing of where the groups come from.

For a group with right spans R among all spans S of its contexts, the loss is
``log(1 + sum over S of exp(u)) - log(sum over R of exp(u))``, and ``log(1 + sum over S of exp(u))`` for a group
without: one choice among all spans and "no answer" (Clark and Gardner, "Simple and Effective Multi-Paragraph Reading
Comprehension", ACL 2018: shared normalisation, summed over every place where the answer stands). See qa/span_scores.py.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from index.atomic import fsync_file, fsync_folder, write_atomically
from index.errors import BadInputError
from qa.evidence_training.batches import Batch
from qa.evidence_training.tensors import span_scores

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps for each parameter."""


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """``num_steps`` updates of the weights; linear warm-up over ``warmup`` of them, then linear to zero."""

    num_steps: int
    learning_rate: float = 1.5e-4
    warmup: float = 0.05
    weight_decay: float = 0.01
    checkpoint_seconds: float = 300.0


def group_loss(start: torch.Tensor, end: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean loss of a batch's groups. ``start`` and ``end``: (n, length) logits, float32."""
    scores = span_scores(start, end, batch.inputs.allowed)
    per_row = torch.logsumexp(scores.flatten(1), dim=1)
    row, first, last = batch.positives.unbind(1)
    right = scores[row, first, last - first]
    total = _group_logsumexp(per_row, batch.group, batch.num_groups, with_null=True)
    wanted = _group_logsumexp(right, batch.group[row], batch.num_groups, with_null=False)
    has_answer = torch.zeros(batch.num_groups, dtype=torch.bool)
    has_answer[batch.group[row]] = True
    return (total - torch.where(has_answer, wanted, torch.zeros_like(wanted))).mean()


def _group_logsumexp(values: torch.Tensor, group: torch.Tensor, num_groups: int, *, with_null: bool) -> torch.Tensor:
    """log of the sum of exp(values) in each group, plus exp(0) for "no answer"; 0 for a group without values."""
    padded = torch.full((num_groups, values.shape[0] + 1), float("-inf"))
    padded = padded.index_put((group, torch.arange(values.shape[0])), values)
    null = torch.zeros(num_groups) if with_null else torch.full((num_groups,), float("-inf"))
    padded = torch.cat([padded[:, :-1], null[:, None]], dim=1)
    empty = torch.isinf(padded).all(dim=1)
    return torch.logsumexp(padded.masked_fill(empty[:, None], 0.0), dim=1).masked_fill(empty, 0.0)


class Trainer:
    """One training in one folder of checkpoints.

    :param model: An AutoModelForQuestionAnswering; its word embeddings stay as they are.
    """

    def __init__(self, model: Any, settings: TrainingSettings, folder: Path, fingerprint: str) -> None:
        self._model = model
        self._settings = settings
        self._folder = folder
        self._fingerprint = fingerprint
        model.get_input_embeddings().weight.requires_grad = False
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        decayed = [p for n, p in self._parameters.items() if p.ndim > 1]
        plain = [p for n, p in self._parameters.items() if p.ndim <= 1]
        self._optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=settings.learning_rate,
            fused=True,
        )
        self.step = 0

    def train(self, batches: Iterator[Batch], report: Callable[[int, float, float], None]) -> None:
        """Run all steps that are left.

        :param batches: From the first step on; those already trained on are skipped.
        :param report: Told the step, the loss averaged since the last report, and rows a second, every 50 steps.
        """
        self._model.train()
        losses: list[float] = []
        num_rows, started, saved = 0, time.monotonic(), time.monotonic()
        for batch in islice(batches, self.step, self._settings.num_steps):
            losses.append(self._update(batch))
            num_rows += batch.group.shape[0]
            if self.step % 50 == 0:
                report(self.step, sum(losses) / len(losses), num_rows / (time.monotonic() - started))
                losses, num_rows, started = [], 0, time.monotonic()
            if time.monotonic() - saved > self._settings.checkpoint_seconds:
                self.save()
                saved = time.monotonic()
        self.save()

    def _update(self, batch: Batch) -> float:
        for group in self._optimiser.param_groups:
            group["lr"] = self._settings.learning_rate * self._share(self.step)
        inputs = batch.inputs
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = self._model(
                input_ids=inputs.input_ids, attention_mask=inputs.attention_mask, token_type_ids=inputs.token_type_ids
            )
        loss = group_loss(output.start_logits.float(), output.end_logits.float(), batch)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(self._parameters.values(), 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return float(loss.detach())

    def _share(self, step: int) -> float:
        warm = max(1, round(self._settings.warmup * self._settings.num_steps))
        # A single step is all warm-up.
        falling = (self._settings.num_steps - step) / max(1, self._settings.num_steps - warm)
        return min((step + 1) / warm, max(0.0, falling))

    # Checkpoints: safetensors, never pickle

    def save(self) -> None:
        """Write the weights, the optimiser's moments and the step; the last good checkpoint is there until then."""
        target = f"step-{self.step:07d}.safetensors"
        if (self._folder / target).is_file() and self._latest() == self._state(target):
            return
        tensors = {f"model.{n}": p.detach().contiguous() for n, p in self._parameters.items()}
        for name, parameter in self._parameters.items():
            for key, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = value
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = self._folder / f".{target}.tmp"
        save_file(tensors, temporary)
        fsync_file(temporary)
        temporary.replace(self._folder / target)
        fsync_folder(self._folder)
        write_atomically(self._folder / "latest.json", json.dumps(self._state(target)).encode())
        for old in (*self._folder.glob("step-*.safetensors"), *self._folder.glob(".step-*.tmp")):
            if old.name != target:
                old.unlink()

    def resume(self) -> bool:
        """Go back to the latest checkpoint, if there is one.

        :raises BadInputError: If it belongs to a training with other settings or data.
        """
        state = self._latest()
        if state is None:
            return False
        if state["fingerprint"] != self._fingerprint or state["settings"] != asdict(self._settings):
            raise BadInputError(f"{self._folder} holds a training with other data or settings; give an empty folder")
        with safe_open(self._folder / state["file"], framework="pt") as file, torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(file.get_tensor(f"model.{name}"))
                self._optimiser.state[parameter] = {
                    key: file.get_tensor(f"{key}.{name}")
                    for key in _MOMENTS
                    if f"{key}.{name}" in file.keys()  # noqa: SIM118
                }
        self.step = state["step"]
        return True

    @staticmethod
    def load_weights(model: Any, folder: Path) -> int:
        """Put the latest checkpoint's weights into a model.

        :return: The step it was saved at.
        :raises OSError: If there is no checkpoint.
        """
        state = json.loads((folder / "latest.json").read_text(encoding="utf-8"))
        with safe_open(folder / state["file"], framework="pt") as file, torch.no_grad():
            for name, parameter in model.named_parameters():
                if f"model.{name}" in file.keys():  # noqa: SIM118  It is no dict.
                    parameter.copy_(file.get_tensor(f"model.{name}"))
        return int(state["step"])

    def _latest(self) -> dict[str, Any] | None:
        """What the folder says of its checkpoint; None when it has none."""
        path = self._folder / "latest.json"
        state: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        return state

    def _state(self, name: str) -> dict[str, Any]:
        return {"step": self.step, "file": name, "fingerprint": self._fingerprint, "settings": asdict(self._settings)}
