"""Notes in a finished training's `training.json` how readily its adapter is to say that it does not know."""

import json
from pathlib import Path
from typing import Any

from finetune.calibrating.fitting import Calibrated
from tandem.abstention import ABSTAINING
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.models.disk import storage_errors

_FILE = "training.json"


def require_trained(run: Path) -> dict[str, Any]:
    """`training.json` of a finished training. Raises `NotFoundError`, `InvalidRequestError`."""
    file = run / _FILE
    if not file.is_file():
        raise NotFoundError(
            f"There is no finished training in {run}",
            param="run",
            hint="Name the folder that `tandem finetune train --out` made.",
        )
    try:
        said = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="run") from error
    if not isinstance(said, dict) or not isinstance(said.get("parameters"), dict):
        raise InvalidRequestError(f"{file} does not say its parameters", param="run")
    return said


def note(run: Path, calibrated: Calibrated) -> None:
    """Put it among the metrics, which go with the adapter wherever it is registered. Raises `StorageError`."""
    said = require_trained(run)
    said["metrics"] = {**(said.get("metrics") or {}), ABSTAINING: calibrated.as_metrics()}
    file = run / _FILE
    fresh = file.with_name(f".{_FILE}.writing")
    with storage_errors(run):
        fresh.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        fresh.replace(file)
