"""The test of the production topology with two vLLMs in place of scripted engines.

    python -m bench.topology

Two servers, two workers, two vLLMs, PostgreSQL, a balancer: a rolling restart under load, an adapter swapped, one of
each killed. On a CPU each vLLM takes up to a minute to start, and about two gigabytes; the adapters are trained first.
"""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run it, and end with its exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "tests/e2e/test_topology.py"]
    done = subprocess.run(command, cwd=_ROOT, env=os.environ | {"TOPOLOGY_VLLM": "1"}, check=False)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
