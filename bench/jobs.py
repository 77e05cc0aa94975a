"""Jobs of our own beside DBOS, on SQLite: how soon a job is done, and who goes on when a worker dies.

    python -m bench.jobs [--jobs 20] [--rounds 3]

A job does nothing, so that what is measured is the machinery: queued in one process, done by a worker in
the same, in turns. Tandem's worker is the real one with a runner that only ends the job; DBOS has a queue
with the same number of jobs at once. Then a worker is killed (kill -9) in the middle of a job, and another
process, of another executor id, waits until it has it: at most `--patience` seconds.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench.machine import machine
from ingest.jobs import JobWorker, join_workers
from tandem.settings import Settings
from tandem.store import Claim, Job, Store, open_store
from tandem.threads import in_thread
from tandem.vocabulary import Caller

_RESULT = Path(__file__).parent / "results" / "jobs.json"
_AT_ONCE, _LOOK_S = 2, 0.5
"""Of both: jobs at once, and how often a worker looks for one."""


def main() -> None:
    """Measure, print and keep the result; with --act, be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=int, default=60)
    parser.add_argument("--act", choices=sorted(_ACTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.act:
        _ACTS[arguments.act](arguments)
        return
    latency: dict[str, list[dict[str, Any]]] = {"tandem": [], "dbos": []}
    for _ in range(arguments.rounds):
        for name, runs in latency.items():
            with tempfile.TemporaryDirectory() as folder:
                runs.append(json.loads(_act(f"{name}-latency", folder, arguments.jobs).splitlines()[-1]))
    taken_over = {name: _taken_over(name, arguments.patience) for name in latency}
    report = {
        "command": "python -m bench.jobs",
        "machine": machine() | {"dbos": version("dbos")},
        "jobs": arguments.jobs,
        "seconds_until_all_are_done": latency,
        "median_s": {
            name: round(statistics.median(run["all_done_s"] for run in runs), 2)
            for name, runs in latency.items()
        },
        "seconds_until_another_process_goes_on_after_kill_9": taken_over,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _act(act: str, folder: str, jobs: int) -> str:
    command = [sys.executable, "-m", "bench.jobs", "--act", act, "--folder", folder, "--jobs", str(jobs)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout


def _taken_over(name: str, patience: int) -> float | None:
    """Seconds from the kill until another process has begun the job; `None` if it never did."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DBOS__VMID": "first"}
        command = [sys.executable, "-m", "bench.jobs", "--act", f"{name}-hang", "--folder", folder]
        first = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait_for(Path(folder) / "begun", 60)
        first.send_signal(signal.SIGKILL)
        first.wait()
        (Path(folder) / "begun").unlink()
        killed = time.monotonic()
        second = subprocess.Popen(
            command,
            env={**environment, "DBOS__VMID": "second"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            found = _wait_for(Path(folder) / "begun", patience)
            return round(time.monotonic() - killed, 1) if found else None
        finally:
            second.kill()
            second.wait()


def _wait_for(file: Path, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if file.exists():
            return True
        time.sleep(0.05)
    return False


class _Stub:
    """In the place of the runner: what a job does is not measured."""

    def __init__(self, store: Store, begun: Path | None = None) -> None:
        self._store = store
        self._begun = begun

    async def run(self, claim: Claim, job: Job) -> None:
        """End the job; or begin it, and never end."""
        if self._begun is not None:
            self._begun.touch()
            await asyncio.sleep(3600)
        await in_thread(self._store.end_job, claim, "done")


class _NoIngestor:
    async def compact(self) -> None:
        """There is no index."""


def _tandem_latency(arguments: argparse.Namespace) -> None:
    asyncio.run(_tandem(arguments.folder, arguments.jobs, None))


def _tandem_hang(arguments: argparse.Namespace) -> None:
    jobs = 0 if (arguments.folder / "data").exists() else 1
    asyncio.run(_tandem(arguments.folder, jobs, arguments.folder / "begun"))


async def _tandem(folder: Path, jobs: int, begun: Path | None) -> None:
    settings = Settings(data_dir=folder / "data")
    async with AsyncExitStack() as stack:
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        me = join_workers(store, stack)
        worker = JobWorker(store, _NoIngestor(), settings.ingest, me)  # type: ignore[arg-type]
        with patch.object(worker, "_runner", _Stub(store, begun)):
            working = asyncio.create_task(worker.run())
            start = time.perf_counter()
            made = [
                await in_thread(store.create_job, Caller(), "bench", {"sources": []}) for _ in range(jobs)
            ]
            worker.wake()
            while begun is not None or any(
                [not (await in_thread(store.job, Caller(), job.id)).ended for job in made]
            ):
                await asyncio.sleep(0.02)
            print(json.dumps({"all_done_s": round(time.perf_counter() - start, 3)}))
            working.cancel()
            await asyncio.wait([working])


def _dbos(arguments: argparse.Namespace, begun: Path | None) -> None:
    from dbos import DBOS, DBOSConfig

    arguments.folder.mkdir(exist_ok=True)
    known = (arguments.folder / "dbos.sqlite").exists()
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": f"sqlite:///{arguments.folder / 'dbos.sqlite'}",
        "application_version": "1",
        "log_level": "ERROR",
    }
    DBOS(config=config)

    @DBOS.workflow(name="job")
    def job() -> None:
        if begun is not None:
            begun.touch()
            time.sleep(3600)

    DBOS.launch()
    queue = DBOS.register_queue("bench", worker_concurrency=_AT_ONCE, polling_interval_sec=_LOOK_S)
    start = time.perf_counter()
    handles = (
        []
        if begun is not None and known
        else [queue.enqueue(job) for _ in range(1 if begun else arguments.jobs)]
    )
    if begun is not None:
        time.sleep(3600)
    for handle in handles:
        handle.get_result()
    print(json.dumps({"all_done_s": round(time.perf_counter() - start, 3)}))
    DBOS.destroy()


_ACTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "tandem-latency": _tandem_latency,
    "tandem-hang": _tandem_hang,
    "dbos-latency": lambda arguments: _dbos(arguments, None),
    "dbos-hang": lambda arguments: _dbos(arguments, arguments.folder / "begun"),
}


if __name__ == "__main__":
    main()
