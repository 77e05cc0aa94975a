"""Which versions can go: those that nobody names, that have no tag, and that are not the newest."""

from dataclasses import dataclass

from tandem.adapters.registry import AdapterRegistry
from tandem.adapters.uses import Uses
from tandem.adapters.version import AdapterVersion
from tandem.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Fate:
    """Whether a version stays, and why."""

    version: AdapterVersion
    kept: tuple[str, ...]
    """Reasons to keep it; none: it can go."""


def fates(registry: AdapterRegistry, uses: Uses, newest: int, name: str | None = None) -> list[Fate]:
    """What a pruning would do: `newest` of each name stay whatever they are, tagged and named ones too."""
    found, seen = [], dict[str, int]()
    for version in registry.versions(name):
        place = seen[version.name] = seen.get(version.name, 0) + 1
        reasons = [f"tag {tag}" for tag in version.tags] + uses.of(version)
        if place <= newest:
            reasons.append("among the newest")
        found.append(Fate(version, tuple(reasons)))
    return found


def prune(registry: AdapterRegistry, planned: list[Fate], author: str) -> list[AdapterVersion]:
    """Remove what can go; gives what went. One that got a tag in the meantime stays."""
    gone = []
    for fate in planned:
        if not fate.kept:
            try:
                registry.remove(fate.version, author=author)
            except ConflictError:
                continue
            gone.append(fate.version)
    return gone


def remove(
    registry: AdapterRegistry, uses: Uses, version: AdapterVersion, author: str, *, force: bool = False
) -> None:
    """Remove one version. Raises `ConflictError` for one that is in use or has tags, unless `force`."""
    named = uses.of(version)
    if named and not force:
        raise ConflictError(
            f"{version.ref} is in use: {', '.join(named[:5])}",
            param="adapter",
            hint="Let them use another version, or remove it with --force: they could not answer any more.",
        )
    registry.remove(version, author=author, tagged=force)
