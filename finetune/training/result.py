"""The folder that a finished training leaves: weights, configuration, how they came about, and the curve."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from finetune.training.checkpoint import Progress
from finetune.training.curve import draw_curve
from tandem.models.disk import put_in_place, storage_errors

_FORMAT = 1


def write_result(
    out: Path,
    model: Any,
    weights: dict[str, torch.nn.Parameter],
    best: dict[str, Tensor],
    progress: Progress,
    counts: dict[str, int],
) -> None:
    """Put the best adapter into `model` and write the folder `out`, whole or not at all. Raises `StorageError`."""
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(best[name])
    # peft would name this machine's folder, which means nothing elsewhere.
    model.peft_config["default"].base_model_name_or_path = progress.made_of["base"]
    making = out.with_name(f".{out.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        with storage_errors(out.parent):
            making.mkdir()
            model.save_pretrained(making, save_embedding_layers=False)
            (making / "README.md").unlink(missing_ok=True)  # peft's empty form; the registry writes a card
            report = json.dumps(training_report(progress, counts), indent=2) + "\n"
            (making / "training.json").write_text(report, encoding="utf-8")
            draw_curve(making / "curve.png", progress.curve, progress.validations, progress.best_step)
            put_in_place(making, out)
    except BaseException:  # also Ctrl-C: a half must not look like a whole
        shutil.rmtree(making, ignore_errors=True)
        raise


def training_report(progress: Progress, counts: dict[str, int]) -> dict[str, Any]:
    """What stands in `training.json`: seconds, tokens, losses per answer token in nats."""
    made_of = progress.made_of
    before, best = (
        next(point for point in progress.validations if point["step"] == step)
        for step in (0, progress.best_step)
    )
    return {
        "format": _FORMAT,
        "base": made_of["base"],
        "base_hash": made_of["base_hash"],
        "data_hash": made_of["data_hash"],
        "parameters": made_of["parameters"],
        **{name: made_of[name] for name in ("start", "seconds_before") if name in made_of},
        "examples": counts,
        "metrics": {
            "validation_loss": best["loss"],
            "validation_token_accuracy": best["token_accuracy"],
            "validation_loss_untrained": before["loss"],
            "validation_token_accuracy_untrained": before["token_accuracy"],
            "best_step": progress.best_step,
            "steps": progress.step,
            "tokens": progress.tokens,
            "tokens_per_s": round(progress.tokens / max(progress.training_seconds, 1e-9), 1),
        },
        "seconds": round(progress.seconds, 1),
        "curve": progress.curve,
        "validations": progress.validations,
    }
