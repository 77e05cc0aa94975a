"""A run is asked for by one process at a time, and let go of however that ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from eval.running.holding import held
from tandem.errors import ConflictError

RUN, OTHER = "ab12cd34" + "0" * 24, "ab12cd35" + "0" * 24
HOLDER = """
import sys
from pathlib import Path
from eval.running.holding import held
with held(sys.argv[1], Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_that_has_the_run_is_named_as_the_reason_until_it_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, RUN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with held(OTHER, tmp_path), pytest.raises(ConflictError, match="ab12cd34"), held(RUN, tmp_path):
            pass
        holder.kill()
        holder.wait()
    with held(RUN, tmp_path):
        pass
