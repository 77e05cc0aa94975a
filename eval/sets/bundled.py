"""The eval sets that come with Tandem."""

from pathlib import Path

from tandem.errors import NotFoundError

_FOLDER = Path(__file__).parent


def bundled_sets() -> list[str]:
    """Their names."""
    return sorted(file.stem for file in _FOLDER.glob("*.jsonl"))


def bundled_file(name: str) -> Path:
    """The file of one. Raises `NotFoundError`."""
    if name not in bundled_sets():
        raise NotFoundError(
            f"No eval set {name!r} comes with Tandem",
            param="bundled",
            hint=f"Known: {', '.join(bundled_sets())}.",
        )
    return _FOLDER / f"{name}.jsonl"
