"""A process that optimises the shard in a folder that nobody else has open, and ends.

    python -P optimizer.py FOLDER PARENT

The engine holds Python's global lock for as long as it optimises, which may be minutes; so it is done here.
"""

import ctypes
import os
import signal
import sys

import qdrant_edge as qe

_PR_SET_PDEATHSIG = 1
_NICENESS = 10


def main() -> None:
    """Optimise, with less right to the processor than who answers questions; end with the parent."""
    tie_to_parent(int(sys.argv[2]))
    os.nice(_NICENESS)
    shard = qe.EdgeShard.load(sys.argv[1])
    shard.optimize()
    shard.flush()
    shard.close()


def tie_to_parent(parent: int) -> None:
    """Let the kernel end this process with its parent. Elsewhere than on Linux it ends when it is done."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be tied to: the folder may be another's by now
        raise SystemExit("The process that wanted this is gone")


if __name__ == "__main__":
    main()
