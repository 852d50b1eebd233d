"""Trains the evidence reader from development data (qa/evidence_reader/README.md says how and how well).

python scripts/train_evidence.py prepare --data DATA --work WORK    # a few minutes: groups of questions and contexts
python scripts/train_evidence.py train --work WORK --out CHECKPOINTS # hours on 2 cores; start it again to go on
python scripts/train_evidence.py export --out CHECKPOINTS --to MODEL # half-precision weights for the project

A training is the same, bit for bit, for the same data, recipe, seed, number of threads, machine and version of torch.
Another number of threads (--threads) adds numbers up in another order, and weights differ in their last digits; a
training may go on with it, as on another machine.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForQuestionAnswering, AutoTokenizer

from index.errors import ArticleQAError
from index.model_files import packaged_embedder_path, sha256_of
from qa.composition import build_embedder
from qa.config import EmbedderConfig
from qa.evidence_training.batches import Source, batches, drawn_groups
from qa.evidence_training.loop import Trainer, TrainingSettings
from qa.evidence_training.prepare import prepare as prepare_groups
from qa.packaged_reader import READER_FILES

# The questions written for SQuAD 2.0 (half of them unanswerable) and the news quizzes are what the reader is for:
# they are seen more than once and to the end. The rest teaches spans, and comes mostly before.
RECIPE = (
    Source("train-squad", 4.0, 1, 1),
    Source("train-squad-deceptive", 1.0, 1, 1, until_progress=0.7),
    Source("train-new_wiki", 1.0, 1, 1),
    Source("train-amazon_reviews", 0.4, 1, 1, until_progress=0.7),
    Source("train-reddit", 0.4, 1, 1, until_progress=0.7),
    Source("train-quiz", 2.0, 2, 3),
    # As if the articles that answer were missing: only passages about the same.
    Source("train-quiz", 1.0, 0, 4),
    Source("train-cloze", 0.7, 1, 3, until_progress=0.6),
)
_MAX_BATCH_TOKENS = 6144

app = typer.Typer(add_completion=False, help=__doc__)


@app.command()
def prepare(
    data: Annotated[Path, typer.Option(help="folder of the development data")],
    work: Annotated[Path, typer.Option(help="folder for the groups")],
    seed: int = 7,
) -> None:
    """Make the training groups."""
    embedder = build_embedder(EmbedderConfig())
    prepare_groups(
        data, work, embedder, seed=seed, report=lambda name, num: print(f"{name}: {num:,} groups", flush=True)
    )


@app.command()
def train(
    work: Annotated[Path, typer.Option(help="folder of the groups")],
    out: Annotated[Path, typer.Option(help="folder of checkpoints; a training that is in it goes on")],
    seed: int = 7,
    scale: Annotated[float, typer.Option(help="multiplies the passes over every source")] = 1.0,
    learning_rate: float = 1.5e-4,
    start: Annotated[Path | None, typer.Option("--from", help="a trained model to go on from")] = None,
    threads: Annotated[int, typer.Option(help="of torch; results differ in their last digits with it")] = 2,
) -> None:
    """Fine-tune the packaged encoder, or a model that was trained from it."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    model, tokenizer = _fresh_model()
    if start is not None:
        model.load_state_dict(load_file(start / "model.safetensors"))
    groups = drawn_groups(work, RECIPE, seed, scale)
    num_steps = sum(1 for _ in batches(groups, tokenizer, seed, _MAX_BATCH_TOKENS))
    settings = TrainingSettings(num_steps, learning_rate=learning_rate)
    trainer = Trainer(model, settings, out, _fingerprint(work, seed, scale, start))
    if trainer.resume():
        print(f"going on from step {trainer.step:,}")
    print(f"{len(groups):,} groups in {num_steps:,} steps", flush=True)
    trainer.train(batches(groups, tokenizer, seed, _MAX_BATCH_TOKENS), _report)


@app.command()
def export(
    out: Annotated[Path, typer.Option(help="folder of checkpoints")],
    to: Annotated[Path, typer.Option(help="folder for the model")],
) -> None:
    """Write the latest checkpoint as a model of its own, in half precision, and print the hashes to pin it by."""
    model, tokenizer = _fresh_model()
    Trainer.load_weights(model, out)
    model.to(torch.float16).save_pretrained(to)
    tokenizer.save_pretrained(to)
    print("READER_FILES of qa/packaged_reader.py, for these files:")
    print("\n".join(pinned_files(to)))


def pinned_files(folder: Path) -> list[str]:
    """The lines that pin an exported model in qa/packaged_reader.py.

    :raises ModelError: If one of the files is missing.
    """
    return [f'    "{name}": "{sha256_of(folder / name)}",' for name in READER_FILES]


def _fresh_model() -> tuple[Any, Any]:
    """The packaged encoder under a new span layer, without dropout: a few passes over this data do not overfit."""
    path = packaged_embedder_path()
    config = AutoConfig.from_pretrained(path, attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0)
    model = AutoModelForQuestionAnswering.from_pretrained(path, config=config)
    return model, AutoTokenizer.from_pretrained(path)


def _fingerprint(work: Path, seed: int, scale: float, start: Path | None) -> str:
    started_from = sha256_of(start / "model.safetensors") if start is not None else "the packaged encoder"
    digest = hashlib.sha256(repr((RECIPE, seed, scale, _MAX_BATCH_TOKENS, started_from)).encode())
    for source in RECIPE:
        digest.update(hashlib.sha256((work / f"{source.name}.jsonl").read_bytes()).digest())
    return digest.hexdigest()


def _report(step: int, loss: float, rows_per_second: float) -> None:
    print(f"step {step:,}  loss {loss:.4f}  {rows_per_second:.1f} contexts/s", flush=True)


if __name__ == "__main__":
    try:
        app()
    except (ArticleQAError, OSError) as error:
        sys.exit(f"error: {error}")
