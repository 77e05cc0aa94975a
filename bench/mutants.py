"""Takes away each guard of tests/isolation/guards.py, one at a time, and sees whether tests notice.

    python -m bench.mutants [--only WORDS] [--at-once 2]

Each is taken away in a copy of the tree, in which the tests named for it run; it is `caught` if one of them fails.
First they all run in a copy as it is, where none may fail. The figure is the share that is caught, to be 100%.
"""

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

_ROOT = Path(__file__).parent.parent
_RESULT = Path(__file__).parent / "results" / "mutants.json"
_COPIED = ("tandem", "ingest", "server", "finetune", "eval", "bench", "tests", "pyproject.toml")
_FAILED = 1
"""What pytest returns where a test has failed; other numbers are faults of the run."""
_LONGEST_S = 300


def main() -> None:
    """Take them away, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--only", default="", help="words in the names of guards; of others the last result stays"
    )
    parser.add_argument("--at-once", type=int, default=2)
    wanted = parser.parse_args()
    guards = [one for one in _guards() if wanted.only in one.name]
    with tempfile.TemporaryDirectory() as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(wanted.at_once):
            copies.put(_copy(Path(folder) / f"copy-{number}"))
        _check_whole(copies, guards)
        with ThreadPoolExecutor(wanted.at_once) as pool:
            found = list(pool.map(lambda guard: _taken_away(guard, copies), guards))
    if wanted.only:
        found = _among_others(found)
    caught = sum(one["caught"] is True for one in found)
    report = {
        "command": "python -m bench.mutants",
        "guards": len(found),
        "caught": caught,
        "share": round(caught / len(found), 3),
        "each": found,
    }
    print(f"{caught} of {len(found)} guards are missed when they are taken away")
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")
    if caught < len(found):
        sys.exit(1)


def _among_others(found: list[dict[str, object]]) -> list[dict[str, object]]:
    """The last result of every guard that is still in the list, with these in place of their own."""
    fresh = {one["guard"]: one for one in found}
    last = {one["guard"]: one for one in json.loads(_RESULT.read_text())["each"]} | fresh
    return [last[guard.name] for guard in _guards() if guard.name in last]


def _guards() -> Sequence[Any]:
    """The list, which stands with the tests and is no part of any package."""
    spec = importlib.util.spec_from_file_location("guards", _ROOT / "tests" / "isolation" / "guards.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("tests/isolation/guards.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["guards"] = module
    spec.loader.exec_module(module)
    guards: Sequence[Any] = module.GUARDS
    return guards


def _copy(place: Path) -> Path:
    place.mkdir()
    for name in _COPIED:
        source = _ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
        else:
            shutil.copyfile(source, place / name)
    return place


def _check_whole(copies: "SimpleQueue[Path]", guards: Sequence[Any]) -> None:
    copy = copies.get()
    code, said = _run(copy, sorted({test for guard in guards for test in guard.tests}))
    copies.put(copy)
    if code != 0:
        sys.exit(f"The tests fail though every guard stands:\n{said}")


def _taken_away(guard: Any, copies: "SimpleQueue[Path]") -> dict[str, object]:
    copy = copies.get()
    file = copy / guard.file
    whole = file.read_text()
    begun = time.monotonic()
    try:
        if whole.count(guard.text) != 1:
            sys.exit(f"{guard.name}: it does not stand in {guard.file} as it is said to")
        file.write_text(whole.replace(guard.text, guard.without))
        code, said = _run(copy, guard.tests)
    finally:
        file.write_text(whole)
        copies.put(copy)
    caught = code == _FAILED
    seconds = round(time.monotonic() - begun, 1)
    print(f"{'caught' if caught else 'MISSED'}  {seconds:>6} s  {guard.name}", flush=True)
    if not caught:
        print(said, flush=True)
    return {"guard": guard.name, "file": guard.file, "caught": caught, "tests": list(guard.tests)}


def _run(copy: Path, tests: Sequence[str]) -> tuple[int, str]:
    """What pytest returns, and the end of what it says."""
    environment = os.environ | {"TESTS_WITHOUT_POSTGRES": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=_LONGEST_S, check=False
    )
    return done.returncode, (done.stdout + done.stderr)[-2_000:]


if __name__ == "__main__":
    main()
