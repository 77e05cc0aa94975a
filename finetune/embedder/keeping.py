"""What is written of a tuning: the model's folder, its facts, and a card for people."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from finetune.embedder.measuring import Resample, gained, verdict
from finetune.embedder.model import save_model
from finetune.embedder.options import TuningOptions
from finetune.embedder.splitting import Split
from finetune.embedder.tuning import Tuned
from tandem.embedding.embedder import Prompts
from tandem.embedding.fingerprint import fingerprint_of, list_files
from tandem.embedding.registered import CARD, EmbedderFacts
from tandem.errors import ConflictError
from tandem.index import Leg
from tandem.models.disk import put_in_place, storage_errors
from tandem.models.manifest import Origin, write_manifest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_FIGURES = ("recall@1", "recall@5", "recall@10", "mrr")


@dataclass(frozen=True, slots=True)
class Origins:
    """What a tuning was made from."""

    base: str
    base_fingerprint: str
    prompts: Prompts
    data_hash: str
    corpus: str
    left_out: int
    """Questions whose answer is whole in no chunk."""


def metrics_of(tuned: Tuned, split: Split, origins: Origins, leg: Leg, resample: Resample) -> dict[str, Any]:
    """All that was measured on the validation documents, by name; `helps` is of the leg that answers."""
    gain = gained(tuned.before, tuned.after, resample)
    helps, said = verdict(gain, leg)
    return {
        "helps": helps,
        "verdict": said,
        "before": tuned.before.figures(),
        "after": tuned.after.figures(),
        "gain": gain,
        "best_epoch": tuned.best_epoch,
        "share_of_tuned_weights": tuned.share,
        "train_pairs": len(split.train),
        "validation_pairs": len(split.validation),
        "questions_left_out": origins.left_out,
        "mined_negatives": tuned.negatives,
        "epochs": tuned.curve,
        "mixtures": tuned.tried,
    }


def writer(
    model: "SentenceTransformer",
    tuned: Tuned,
    metrics: dict[str, Any],
    origins: Origins,
    options: TuningOptions,
) -> Callable[[Path], EmbedderFacts]:
    """Fills a folder with model and card, and says its facts."""

    def write(folder: Path) -> EmbedderFacts:
        save_model(model, folder, origins.prompts)
        facts = EmbedderFacts(
            base=origins.base,
            base_fingerprint=origins.base_fingerprint,
            fingerprint=fingerprint_of(list_files(folder), origins.prompts),
            data_hash=origins.data_hash,
            parameters=options.as_parameters() | {"corpus": origins.corpus},
            metrics=metrics,
            seconds=tuned.seconds,
        )
        (folder / CARD).write_text(card_of(facts), encoding="utf-8")
        return facts

    return write


def write_folder(goal: Path, write: Callable[[Path], EmbedderFacts]) -> EmbedderFacts:
    """Make the folder `goal`, whole or not at all. Raises `ConflictError` if it is there, and `StorageError`."""
    if goal.exists():
        raise ConflictError(f"{goal} is there already", hint="Name a folder that is not there.", param="out")
    making = goal.with_name(f".{goal.name}.making-{uuid4().hex}")
    with storage_errors(goal.parent):
        making.mkdir(parents=True)
        try:
            facts = write(making)
            write_manifest(making, Origin(facts.base, facts.base_fingerprint, 0))
            put_in_place(making, goal)
        except BaseException:  # also Ctrl-C: a half must not fill the disk
            shutil.rmtree(making, ignore_errors=True)
            raise
    return facts


def card_of(facts: EmbedderFacts) -> str:
    """The facts in Markdown."""
    found = facts.metrics
    rows = [
        f"| {leg}, {name} | {_percent(found['before'][leg][name])} | {_percent(found['after'][leg][name])} "
        f"| {mean:+.1f} ({low:+.1f} to {high:+.1f}) |"
        for leg, gains in found["gain"].items()
        for name, (mean, low, high) in ((name, [100 * one for one in gains[name]]) for name in _FIGURES)
    ]
    settings = ", ".join(f"{name} {value}" for name, value in facts.parameters.items())
    return "\n".join(
        [
            "# Tuned embedder",
            "",
            f"Base: `{facts.base}` (fingerprint `{facts.base_fingerprint}`). Own fingerprint: "
            f"`{facts.fingerprint}`. Questions: SHA-256 `{facts.data_hash}`.",
            "",
            found["verdict"],
            "",
            f"Measured on {found['validation_pairs']} questions about documents that were not trained on; "
            f"{found['train_pairs']} were trained on, {found['questions_left_out']} were left out because no chunk "
            f"holds their answer whole. Epoch and mixture were chosen on the same validation questions, so these "
            "figures flatter a little; an eval set of its own decides. In %; gains in points, with their paired "
            "95% bootstrap intervals.",
            "",
            "| | base | tuned | gain |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            f"Epoch {found['best_epoch']} was kept, with {found['share_of_tuned_weights']:g} of the tuned weights "
            f"and the rest of the base's. {found['mined_negatives']} mined negatives. "
            f"{facts.seconds:.0f} seconds.",
            "",
            f"Settings: {settings}.",
            "",
        ]
    )  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
