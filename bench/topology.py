"""The test of the production topology with two vLLMs in place of scripted engines.

    python -m bench.topology

Two servers, two workers, two vLLMs, PostgreSQL, a balancer: a rolling restart under load, an adapter swapped, one of
each killed. On a CPU each vLLM takes up to a minute to start, and about two gigabytes; the adapters are trained first.
The figures are counts; how many questions there are depends on the machine.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.machine import machine

_ROOT = Path(__file__).parents[1]
_RESULT = Path(__file__).parent / "results" / "topology.json"


def main() -> None:
    """Run it, keep what came of it where it passed, and end with its exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "--timeout=1800", "tests/e2e/test_topology.py"]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        environment = os.environ | {"TOPOLOGY_VLLM": "1", "TOPOLOGY_FIGURES": str(figures)}
        done = subprocess.run(command, cwd=_ROOT, env=environment, check=False)
        if done.returncode == 0:
            report = {
                "command": "python -m bench.topology",
                "machine": machine(),
                "seconds": round(time.monotonic() - begun),
                "engines": "two vLLMs",
                **json.loads(figures.read_text()),
            }
            _RESULT.write_text(json.dumps(report, indent=2) + "\n")
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
