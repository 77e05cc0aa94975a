"""Memory of a job of many documents, sampled to its end.

    python -m bench.memory [--documents 10000] [--longest 1500]

A process does one job of small files, each with words of its own, through the real worker with Qdrant Edge and
SQLite. Its resident memory is sampled by kind, for the kinds mean different things: `own` is what nothing but the
process holds, `index` are pages of the index's files, which the kernel takes back when it needs them, `other` are
libraries and model. The slopes are those of straight lines through the samples of the second half of the documents.
Linux only: it reads /proc/PID/smaps (proc(5)).
"""

import argparse
import json
import multiprocessing
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory in MiB when so many documents and chunks were done."""

    seconds: float
    documents: int
    chunks: int
    own: float
    index: float
    other: float
    children: float


def _sampled(child: BaseProcess, data: Path, longest: float) -> list[Sample]:
    """Until it ends."""
    assert child.pid is not None
    process, begun = psutil.Process(child.pid), time.monotonic()
    samples = []
    while child.is_alive() and time.monotonic() - begun < longest:
        try:
            own, index, other = _kinds(child.pid, str(data))
            below = sum(one.memory_info().rss for one in process.children(recursive=True)) / _MIB
        except (psutil.NoSuchProcess, ProcessLookupError):  # it, or a parser, has just ended
            continue
        seconds = time.monotonic() - begun
        samples.append(Sample(seconds, ended_documents(data), _chunks(data), own, index, other, below))
        time.sleep(_STEP_S)
    return samples


def _kinds(pid: int, data: str) -> tuple[float, float, float]:
    """MiB that are anonymous, pages of files below `data`, and of all other files."""
    own = index = other = 0
    below = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, value = line.partition(":")
        match name:
            case "Rss":
                resident = int(value.split()[0])
            case "Anonymous":
                anonymous = int(value.split()[0])
                own += anonymous
                if below:
                    index += resident - anonymous
                else:
                    other += resident - anonymous
            case _ if "-" in name.partition(" ")[0]:  # the head of a mapping: addresses ... path
                below = data in line
    return own / 1024, index / 1024, other / 1024


def _chunks(data: Path) -> int:
    with closing(sqlite3.connect(f"file:{data / 'store.sqlite3'}?mode=ro", uri=True, timeout=10)) as database:
        found = database.execute("SELECT sum(chunks) FROM versions WHERE state = 'current'").fetchone()
        return int(found[0] or 0)


def _summary(samples: list[Sample], documents: int) -> dict[str, Any]:
    done = np.array([sample.documents for sample in samples])
    chunks = np.array([sample.chunks for sample in samples])
    later = done >= done.max() / 2
    kinds = {
        kind: np.array([getattr(sample, kind) for sample in samples])
        for kind in ("own", "index", "other", "children")
    }

    def slope(of: Any, values: Any) -> float:
        return round(float(np.polyfit(of[later] / 1_000, values[later], 1)[0]), 2)

    return {
        "documents": documents,
        "ended": int(done.max()),
        "chunks": int(chunks.max()),
        "seconds": round(samples[-1].seconds),
        "mib": {
            kind: {
                "at_half": round(float(values[later][0])),
                "at_end": round(float(values[-1])),
                "peak": round(float(values.max())),
                "per_1000_documents_in_second_half": slope(done, values),
                "per_1000_chunks_in_second_half": slope(chunks, values),
            }
            for kind, values in kinds.items()
        },
        "curve": {
            "columns": ["documents", *kinds],
            "rows": [
                [int(done[place]), *(round(float(values[place])) for values in kinds.values())]
                for place in np.linspace(0, len(samples) - 1, 21).astype(int)
            ],
        },
    }


if __name__ == "__main__":
    main()
