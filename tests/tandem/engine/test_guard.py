import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from running import lives

from tandem.engine import guard

# A command with a grandchild in its group, and one that has left the group and whose parent is gone.
FAMILY = """
import os, subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
near = subprocess.Popen([sys.executable, "-c", deaf])
script = '''
import subprocess, sys
far = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.DEVNULL, start_new_session=True)
print(far.pid)
'''
far = subprocess.run([sys.executable, "-c", script, deaf], stdout=subprocess.PIPE, text=True)
with open("pids.new", "w") as file:
    file.write(f"{os.getpid()} {near.pid} {far.stdout}")
os.rename("pids.new", "pids")
"""
STAYS = FAMILY + "time.sleep(600)\n"
LEAVES = FAMILY + "while not os.path.exists('go'):\n    time.sleep(0.02)\nsys.exit(5)\n"

# An owner, as Tandem is one: it holds the guard's standard input.
OWNER = """
import os, subprocess, sys, time
guard = [sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), "0.3"]
process = subprocess.Popen([*guard, *sys.argv[2:]], stdin=subprocess.PIPE, start_new_session=True)
if os.environ.get("FORK") and os.fork() == 0:
    time.sleep(600)  # holds the pipe, as a worker does that was forked
time.sleep(600)
"""


def _until(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _gone(processes: list[psutil.Process]) -> None:
    _until(lambda: not any(map(lives, processes)))


@pytest.fixture
def cleanup() -> Iterator[list[psutil.Process]]:
    """Processes that are ended whatever the test finds."""
    processes: list[psutil.Process] = []
    yield processes
    for process in processes:
        if lives(process):
            process.kill()


def _family(folder: Path, cleanup: list[psutil.Process]) -> list[psutil.Process]:
    _until((folder / "pids").exists)
    family = [psutil.Process(int(pid)) for pid in (folder / "pids").read_text().split()]
    assert len(family) == 3
    cleanup += family
    return family


def _guard(folder: Path, command: list[str], grace_s: float = 0.3) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(grace_s), *command],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )


@pytest.mark.parametrize("fork", ["", "1"], ids=["alone", "a fork still holds the pipe"])
def test_the_whole_tree_ends_when_the_owner_is_killed(tmp_path: Path, cleanup, fork: str) -> None:
    command = [sys.executable, "-c", OWNER, guard.__file__, sys.executable, "-c", STAYS]
    owner = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"FORK": fork})
    family = _family(tmp_path, cleanup)
    below = psutil.Process(owner.pid).children()
    cleanup += below
    guards = [process for process in below if "-I" in process.cmdline()]  # a fork of the owner has no -I
    assert len(guards) == 1
    owner.kill()
    owner.wait()
    _gone(family + guards)


def test_the_whole_tree_ends_when_the_pipe_is_closed(tmp_path: Path, cleanup) -> None:
    process = _guard(tmp_path, [sys.executable, "-c", STAYS])
    family = _family(tmp_path, cleanup)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert not any(map(lives, family))


def test_what_a_command_leaves_behind_ends_with_it(tmp_path: Path, cleanup) -> None:
    process = _guard(tmp_path, [sys.executable, "-c", LEAVES])
    family = _family(tmp_path, cleanup)
    (tmp_path / "go").touch()
    assert process.wait() == 5
    assert not any(map(lives, family))


def test_the_command_ends_when_the_guard_itself_is_killed(tmp_path: Path, cleanup) -> None:
    process = _guard(tmp_path, [sys.executable, "-c", STAYS])
    family = _family(tmp_path, cleanup)
    process.kill()
    process.wait()
    _gone(family[:1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_guard_ends_the_tree(tmp_path: Path, cleanup, number: int) -> None:
    process = _guard(tmp_path, [sys.executable, "-c", STAYS])
    family = _family(tmp_path, cleanup)
    process.send_signal(number)
    process.wait()
    assert not any(map(lives, family))


def test_a_command_that_obeys_gets_its_grace(tmp_path: Path) -> None:
    obeys = (
        "import signal, sys, time, pathlib\n"
        "def end(*_):\n    time.sleep(0.3); pathlib.Path('tidied').touch(); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); pathlib.Path('up').touch(); time.sleep(600)\n"
    )
    process = _guard(tmp_path, [sys.executable, "-c", obeys], grace_s=20)
    _until((tmp_path / "up").exists)
    process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "tidied").exists()


def test_the_exit_code_of_a_killed_command_tells_the_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    assert _guard(tmp_path, command).wait() == 137


def test_a_command_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    process = _guard(tmp_path, ["./missing"])
    _, said = process.communicate()
    assert (process.returncode, said) == (127, b"Cannot run ./missing: No such file or directory\n")
