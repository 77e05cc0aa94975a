"""Whether an adapter fits the model that is served, found out before the engine sees it."""

from pathlib import Path

from tandem.adapters import AdapterVersion
from tandem.adapters.base import base_hash
from tandem.errors import InvalidRequestError
from tandem.settings import EngineSettings

_ANY = "any"


def check_fits(version: AdapterVersion, engine: EngineSettings, model_dir: Path | None) -> None:
    """Raises `InvalidRequestError` for an adapter that vLLM does not serve, or of another base model.

    Blocking: the weights in `model_dir` are hashed, the first time. Without them `engine.base_hash` says what
    the engine at `engine.address` serves.
    """
    if version.unserved:
        raise _wrong(
            version,
            f"has what vLLM does not serve: {', '.join(version.unserved)}",
            f"Merge it into its base and serve that: tandem adapters merge {version.ref}",
        )
    if version.rank > engine.max_lora_rank:
        raise _wrong(
            version,
            f"has the rank {version.rank}, over engine.max_lora_rank, which is {engine.max_lora_rank}",
            "Raise engine.max_lora_rank and start again.",
        )
    served = engine.base_hash if model_dir is None else base_hash(model_dir)
    if served is None:
        raise _wrong(
            version,
            f"cannot be compared with the model at {engine.address}, whose weights are not here",
            f"If that is {version.facts.base}, set engine.base_hash to {version.facts.base_hash}.",
        )
    if served not in (_ANY, version.facts.base_hash):
        raise _wrong(
            version,
            f"is of another base model: of {version.facts.base} with the hash {version.facts.base_hash[:12]}, and "
            f"the engine serves one with the hash {served[:12]}",
            "Train it anew on the model that is served, or serve its base: engine.model.",
        )


def _wrong(version: AdapterVersion, what: str, hint: str) -> InvalidRequestError:
    return InvalidRequestError(f"The adapter {version.ref} {what}", param="adapter", hint=hint)
