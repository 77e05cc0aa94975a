"""How the embedded index does with a million chunks: time, memory, disk, speed and what is found.

    python -m bench.scale [--chunks 1000000] [--largest 0.5]

The chunks are made (`bench.synthetic`) and written through `Index.upsert`; a hundred tenants own them, the
largest half of them. The index is asked before and after the compaction of those tenants for whom it is due,
each time by a fresh process. What is found is told as the part of the ten best that an exact search of the same
index gives.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.machine import machine
from bench.synthetic import DIMENSION, Synthetic
from tandem.index import Index, Query, open_index
from tandem.settings import IndexSettings
from tandem.vocabulary import Scope

_RESULT = Path(__file__).parent / "results" / "scale.json"
_SETTINGS = IndexSettings()
_BATCH = 256
"""Chunks in a call of `upsert` at the start of the build, as in ingestion."""
_MADE = 2_048
"""Chunks made in one go, and in a call after the start: each call ends with the disk having all of it."""
_AT_FIRST = 20_480
_QUESTIONS = 250
_JUDGED = 50
"""Questions of each tenant; of the first ones the exact answer is asked too."""
_WARM_UP = 25


def main() -> None:
    """Build, measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--largest", type=float, default=0.5, help="the part that the largest tenant owns")
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.ask:
        print(json.dumps(asyncio.run(_ask(arguments.ask, arguments.chunks, arguments.largest))))
        return
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_measure(Path(name), arguments.chunks, arguments.largest))


@dataclass
class Spent:
    """Seconds, on the clock and of processors, for so many chunks."""

    wall: float = 0.0
    processor: float = 0.0
    chunks: int = 0

    def per_chunk(self) -> dict[str, int]:
        """Microseconds for one."""
        return {
            "wall": round(self.wall / self.chunks * 1e6),
            "processor": round(self.processor / self.chunks * 1e6),
        }


def _shares(largest: float) -> dict[str, float]:
    """A hundred tenants: the one, two who have a twelfth and a hundredth, and the others in equal parts."""
    rest = 1 - largest
    shares = {"largest": largest, "twelfth": 1 / 12, "hundredth": 0.01} if rest else {"largest": 1.0}
    others = 100 - len(shares)
    left = 1 - sum(shares.values())
    return shares | ({f"other-{n}": left / others for n in range(others)} if left > 0 else {})


def _keep(chunks: int, largest: float, report: dict[str, Any]) -> None:
    """Print what is known so far, and keep it beside what was measured with other sizes."""
    report = {"command": f"python -m bench.scale {' '.join(sys.argv[1:])}".strip()} | report
    print(json.dumps(report, indent=2), flush=True)
    kept = json.loads(_RESULT.read_text()) if _RESULT.exists() else {}
    kept[f"{chunks} chunks, {largest:.0%} of one tenant"] = report
    _RESULT.write_text(json.dumps(kept, indent=2) + "\n")


async def _measure(folder: Path, chunks: int, largest: float) -> None:
    index = await _open(folder)
    load = os.getloadavg()
    build = await _build(index, Synthetic(_shares(largest), chunks))
    await index.close()
    before = _asked(folder, chunks, largest) | {"disk_mib": _disk_mib(folder)}
    report = {
        "machine": machine()
        | {"load_at_start": round(load[0], 1), "load_at_end": round(os.getloadavg()[0], 1)},
        "chunks": chunks,
        "settings": _SETTINGS.model_dump(include={"graph_from_chunks"}),
        "build": build,
        "before_compaction": before,
    }
    _keep(chunks, largest, report)
    index = await _open(folder)
    begun = time.perf_counter()
    with ThreadPoolExecutor(1) as watcher:
        ended = threading.Event()
        peak = watcher.submit(_peak_of_children, ended)
        await index.compact()
        ended.set()
    compaction = {"minutes": round((time.perf_counter() - begun) / 60, 1)} | peak.result()
    await index.close()
    after = _asked(folder, chunks, largest) | {"disk_mib": _disk_mib(folder)}
    _keep(chunks, largest, report | {"compaction": compaction, "after_compaction": after})


def _peak_of_children(ended: threading.Event) -> dict[str, int]:
    """Most memory of a child of this process until `ended`, looked at five times a second."""
    rss = own = 0
    while not ended.wait(0.2):
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                memory = child.memory_info()
                rss, own = max(rss, memory.rss), max(own, memory.rss - memory.shared)
    return {"child_peak_rss_mib": rss // 2**20, "of_it_own_mib": own // 2**20}


async def _build(index: Index, synthetic: Synthetic) -> dict[str, Any]:
    """Write everything; the making of the chunks is not counted."""
    begun = time.perf_counter()
    spent = {_BATCH: Spent(), _MADE: Spent()}
    for number, made in enumerate(synthetic.batches(_MADE)):
        size = _BATCH if number * _MADE < _AT_FIRST else _MADE
        for start in range(0, len(made.chunks), size):
            part = slice(start, start + size)
            before, before_cpu = time.perf_counter(), time.process_time()
            await index.upsert(made.chunks[part], made.vectors[part])
            spent[size].wall += time.perf_counter() - before
            spent[size].processor += time.process_time() - before_cpu
            spent[size].chunks += len(made.chunks[part])
        if number % 20 == 0:
            print(f"{number * _MADE + len(made.chunks)} chunks", file=sys.stderr, flush=True)
    return {
        "minutes": round(sum(each.wall for each in spent.values()) / 60, 1),
        "minutes_with_making": round((time.perf_counter() - begun) / 60, 1),
    } | {f"us_per_chunk_at_{size}": each.per_chunk() for size, each in spent.items() if each.chunks}


def _asked(folder: Path, chunks: int, largest: float) -> dict[str, Any]:
    """The figures of a fresh process."""
    command = [sys.executable, "-m", "bench.scale", "--ask", str(folder)]
    said = subprocess.run(
        [*command, "--chunks", str(chunks), "--largest", str(largest)], check=True, stdout=subprocess.PIPE
    )
    figures: dict[str, Any] = json.loads(said.stdout)
    return figures


async def _ask(folder: Path, chunks: int, largest: float) -> dict[str, Any]:
    synthetic = Synthetic(_shares(largest), chunks)
    tenants = [name for name in ("largest", "twelfth", "hundredth", "other-0") if name in _shares(largest)]
    asked = {name: list(synthetic.questions(name, _QUESTIONS, _MADE)) for name in tenants}
    bare = _memory_mib()
    begun = time.perf_counter()
    index = await _open(folder)
    first = {}
    for name in tenants:
        text, vector = asked[name][0]
        await index.search(Scope(name), Query(text, vector, 10))
        first[name] = round(time.perf_counter() - begun, 2)
        begun = time.perf_counter()
    figures = {name: await _tenant(index, name, asked[name]) for name in tenants}
    memory = _memory_mib()
    for name in tenants:
        figures[name]["found_of_exact"] = await _found(index, name, asked[name][:_JUDGED])
    await index.close()
    return {
        "opening_to_first_answer_s": first,
        "hybrid": figures,
        "rss_mib": memory["VmRSS"],
        "of_it_own_mib": memory["RssAnon"],
        "of_it_mapped_files_mib": memory["RssFile"],
        "rss_without_index_mib": bare["VmRSS"],
    }


async def _tenant(index: Index, name: str, asked: list[Any]) -> dict[str, Any]:
    milliseconds = []
    for text, vector in asked[:_WARM_UP]:
        await index.search(Scope(name), Query(text, vector, 10))
    used = time.process_time()
    for text, vector in asked:
        begun = time.perf_counter()
        await index.search(Scope(name), Query(text, vector, 10))
        milliseconds.append((time.perf_counter() - begun) * 1000)
    used = (time.process_time() - used) / len(asked)
    hundredths = statistics.quantiles(milliseconds, n=100)
    return {
        "chunks": await index.count(Scope(name)),
        "questions": len(asked),
        "p50_ms": round(hundredths[49], 2),
        "p95_ms": round(hundredths[94], 2),
        "processor_ms": round(used * 1000, 2),  # tells more than the clock where others use the machine too
    }


async def _found(index: Index, name: str, asked: list[Any]) -> float:
    parts = []
    for text, vector in asked:
        near, exact = [
            {p.chunk.id for p in await index.search(Scope(name), Query(text, vector, 10, exact=each))}
            for each in (False, True)
        ]
        parts.append(len(near & exact) / max(1, len(exact)))
    return round(statistics.mean(parts), 4)


async def _open(folder: Path) -> Index:
    return await open_index(_SETTINGS, folder, dimension=DIMENSION, fingerprint="synthetic")


def _memory_mib() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    found = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) // 1024 for words in found if words[-1] == "kB"}


def _disk_mib(folder: Path) -> int:
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file()) // 2**20


if __name__ == "__main__":
    main()
