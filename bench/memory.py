"""Memory of a job of many documents, sampled to its end.

    python -m bench.memory [--documents 10000] [--longest 1500]

A process does one job of small files, each with words of its own, through the real worker with Qdrant Edge and
SQLite. Its resident memory and that of its children are sampled; the slope is that of a straight line through the
samples of the second half of the documents.
"""

import argparse
import json
import multiprocessing
import random
import sys
import tempfile
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.kill import ended_documents, new_job, work
from bench.kinds import content_of
from bench.machine import machine

_RESULT = Path(__file__).parent / "results" / "memory.json"
_MIB = 1024 * 1024
_STEP_S = 1.0


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--longest", type=float, default=1_500, help="seconds after which it is broken off")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files, data = Path(folder, "files"), Path(folder, "data")
        files.mkdir()
        rng = random.Random(1)
        for number in range(arguments.documents):
            (files / f"{number:06}.md").write_bytes(content_of("md", number, rng))
        job = new_job(data, files)
        child = multiprocessing.get_context("spawn").Process(target=work, args=(data, job))
        child.start()
        try:
            samples = _sampled(child, data, arguments.longest)
        finally:
            child.kill()
            child.join()
    report = {
        "command": f"python -m bench.memory {' '.join(sys.argv[1:])}".strip(),
        "machine": machine(),
        **_summary(samples, arguments.documents),
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _sampled(child: BaseProcess, data: Path, longest: float) -> list[tuple[float, int, float, float]]:
    """Seconds, documents that have ended, MiB of the process, MiB of its children; until it ends."""
    assert child.pid is not None
    process, begun = psutil.Process(child.pid), time.monotonic()
    samples = []
    while child.is_alive() and time.monotonic() - begun < longest:
        try:
            own = process.memory_info().rss / _MIB
            below = sum(one.memory_info().rss for one in process.children(recursive=True)) / _MIB
        except psutil.NoSuchProcess:  # it, or a parser, has just ended
            continue
        samples.append((time.monotonic() - begun, ended_documents(data), own, below))
        time.sleep(_STEP_S)
    return samples


def _summary(samples: list[tuple[float, int, float, float]], documents: int) -> dict[str, Any]:
    seconds, done, own, below = np.array(samples).T
    later = done >= done.max() / 2

    def slope(values: Any) -> float:
        return round(float(np.polyfit(done[later] / 1_000, values[later], 1)[0]), 2)

    return {
        "documents": documents,
        "ended": int(done.max()),
        "seconds": round(float(seconds[-1])),
        "process_mib_at_half": round(float(own[later][0])),
        "process_mib_at_end": round(float(own[-1])),
        "process_mib_peak": round(float(own.max())),
        "children_mib_peak": round(float(below.max())),
        "process_mib_per_1000_documents_in_second_half": slope(own),
        "children_mib_per_1000_documents_in_second_half": slope(below),
        "curve": [
            [int(done[place]), round(float(own[place])), round(float(below[place]))]
            for place in np.linspace(0, len(samples) - 1, 21).astype(int)
        ],
    }


if __name__ == "__main__":
    main()
