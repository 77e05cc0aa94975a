"""Refuse paths of one machine, addresses of package hosts, and lock files in the tree."""

import re
import subprocess
import sys
from pathlib import Path

_FORBIDDEN = {
    "path of a machine": re.compile(r"(?<![\w.~/-])/(?:tmp/lab|work|opt|root|Users/\w+|home/(?!app\b)\w+)/"),
    "address of a package host": re.compile(
        r"pypi\.(?:org)|pythonhosted\.(?:org)|npmjs\.(?:org)|--(?:extra-)?index-url"
    ),
}
_LOCK_FILES = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock"}


def main() -> int:
    """Print every finding; 1 if there is one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    )
    findings = [finding for name in listed.stdout.splitlines() for finding in _findings(Path(name))]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def _findings(file: Path) -> list[str]:
    if not file.is_file() or file.resolve() == Path(__file__).resolve():
        return []
    if file.name in _LOCK_FILES:
        return [f"{file}: lock file; exact pins stand in pyproject.toml and requirements/"]
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        f"{file}:{number}: {what}"
        for number, line in enumerate(lines, start=1)
        for what, pattern in _FORBIDDEN.items()
        if pattern.search(line)
    ]


if __name__ == "__main__":
    sys.exit(main())
