"""Packages of an extra of pyproject.toml: asked for before long work begins, and told how to be had."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

from tandem.errors import SettingsError

Extra = Literal["eval", "finetune", "otlp", "redaction", "redis"]
EVAL = ("ragas", "instructor", "rapidfuzz", "rouge_score", "ir_measures", "matplotlib", "scipy")
"""What suites, a judge and a report import."""
FINETUNE = ("peft", "accelerate", "matplotlib")
"""What a training imports."""


def hint_for(extra: Extra) -> str:
    """How it is installed, in a clone and elsewhere."""
    return f"Run `EXTRAS={extra} make setup`, or `pip install 'tandem-rag[{extra}]'`."


def require(what: str, packages: Sequence[str], extra: Extra) -> None:
    """Raises `SettingsError`, which names what is missing, unless all packages can be imported."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise SettingsError(f"{what} needs {', '.join(missing)}", hint=hint_for(extra))
