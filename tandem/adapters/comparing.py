"""What two versions of adapters differ in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tandem.adapters.version import AdapterVersion


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not alike; `None` where a version has no such thing."""

    what: str
    """Such as `base_hash`, `parameters.lr`, `metrics.f1` or `files.adapter_model.safetensors`."""
    before: Any
    after: Any


def differences(before: AdapterVersion, after: AdapterVersion) -> list[Difference]:
    """Base, data, rank, parameters, metrics and files that differ, in this order."""
    old, new = dict(_said(before)), dict(_said(after))
    names = [*old, *(name for name in new if name not in old)]
    order = {group: place for place, group in enumerate(_GROUPS)}
    names.sort(key=lambda name: order[name.partition(".")[0]])
    return [
        Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    ]


_GROUPS = (
    "base", "base_hash", "data_hash", "rank", "unserved", "seconds", "size", "parameters", "metrics", "files",
)  # fmt: skip


def _said(version: AdapterVersion) -> Iterator[tuple[str, Any]]:
    facts = version.facts
    yield from (("base", facts.base), ("base_hash", facts.base_hash), ("data_hash", facts.data_hash))
    yield from (("rank", version.rank), ("unserved", ", ".join(version.unserved)))
    yield from (("seconds", facts.seconds), ("size", version.size))
    yield from flat(facts.parameters, "parameters.")
    yield from flat(facts.metrics, "metrics.")
    # Card and facts name the version, so they differ always.
    for name, digest in sorted(version.files.items()):
        if name not in ("card.md", "adapter.json"):
            yield f"files.{name}", digest


def flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects, each with its path."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value
