"""What a plan stands on: figures that were measured, each with its file, and assumptions, each with its reason."""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_MODEL = "llama-8b"
"""Of the models that `make bench-gpu` serves, the one of the size that is served on a GPU."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, what it is of, and where it stands."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True)
class Why:
    """A default and the reason for it."""

    default: float
    unit: str
    reason: str


ASSUMPTIONS = {
    "users": Why(1_000, "people", "asking in the same hour"),
    "chunks": Why(100_000_000, "chunks", "of all tenants"),
    "questions_per_user_hour": Why(
        20, "questions", "a person who works with it all the time: one in three minutes"
    ),
    "peak_factor": Why(2, "times", "the busiest minutes over the hour's mean"),
    "answer_tokens": Why(160, "tokens", "five to six sentences; answers.max_tokens may be more"),
    "active_hours_per_day": Why(8, "hours", "a working day"),
    "engine_utilisation": Why(0.7, "share", "above it, waiting grows faster than work"),
    "assumed_gpu_tokens_per_s": Why(
        2_000, "tokens/s", "NOT measured: a model of 8B on one large GPU, many at a time"
    ),
    "server_cores": Why(1, "cores", "one process has one event loop; embedding uses more for moments"),
    "server_utilisation": Why(0.6, "share", "so that a rolling restart of one leaves room"),
    "least_servers": Why(2, "servers", "one may go"),
    "relay_ms_per_token": Why(0.2, "ms", "NOT measured; replaced by load.json where it is there"),
    "largest_tenant_chunks": Why(1_000_000, "chunks", "of the tenant whose questions cost most"),
    "index_replicas": Why(2, "copies", "one machine may go"),
    "index_memory_headroom": Why(1.3, "times", "segments that are built anew, and the cache of files"),
    "index_disk_headroom": Why(2, "times", "a segment's old and new form, and snapshots, side by side"),
    "index_machine_gib": Why(64, "GiB", "memory of one machine of the index"),
    "index_machine_use": Why(0.8, "share", "the rest is the system's"),
    "ingestion_days": Why(3, "days", "in which the first ingestion is to end"),
    "reading_factor": Why(1.5, "times", "PDF and HTML take longer to read than the benchmark's plain text"),
    "changed_per_day": Why(0.01, "share", "of the chunks, embedded again"),
    "text_bytes_per_chunk": Why(
        1_000,
        "bytes",
        "150 tokens that are its own, at 4.5 characters, and half as much again for rows and their indexes",
    ),
    "trace_bytes": Why(
        8_000, "bytes", "question, answer, four quoted passages and timings, with their indexes"
    ),
    "trace_days": Why(90, "days", "the default of traces.keep_days"),
    "observation_bytes": Why(700, "bytes", "the figures of an answer, with their indexes"),
    "observation_days": Why(400, "days", "the default of traces.observations_days"),
    "event_bytes": Why(250, "bytes", "one token as an event of a stream"),
    "closing_bytes": Why(8_000, "bytes", "citations and headers"),
    "prompt_bytes": Why(
        6_000, "bytes", "instructions, four passages and the question, on the way to the engine"
    ),
    "found_bytes": Why(75_000, "bytes", "50 candidates with their text, on the way from the index"),
}


def measured(folder: Path = RESULTS) -> dict[str, Figure]:
    """Every figure of the plan that a benchmark has left. Raises `SystemExit` where one of the needed is missing."""
    found = {name: _figure(folder, *where) for name, where in _NEEDED.items()}
    if (folder / "load.json").is_file() and "steady" in _read(folder, "load.json"):
        found["server_ms_per_chat"] = _figure(
            folder, "load.json", "ms of processor", lambda of: of["steady"]["server_cpu_ms_per_chat"]
        )
    return found


def on_gpus(folder: Path = RESULTS) -> dict[str, Figure]:
    """Tokens a second without adapters of the 8B model, by device; what `make bench-gpu` has left."""
    found = {}
    for path in sorted((folder / "gpu").glob("*/adapters_serving.json")):
        report = json.loads(path.read_text())
        rates = [
            load["tokens_per_s"]
            for run in report["runs"]
            if run.get("model") == _MODEL and not run.get("adapters")
            for load in run.get("loads", [])
            if "tokens_per_s" in load
        ]
        if rates:
            name = f"bench/results/{path.relative_to(folder)}"
            found[report["device"]["name"]] = Figure(max(rates), "tokens/s", name)
    return found


def as_json(of: dict[str, Any]) -> dict[str, Any]:
    """Figures and reasons as JSON has them."""
    return {name: asdict(one) for name, one in of.items()}


def _figure(folder: Path, file: str, unit: str, of: Callable[[Any], float]) -> Figure:
    try:
        return Figure(float(of(_read(folder, file))), unit, f"bench/results/{file}")
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise SystemExit(
            f"bench/results/{file} lacks a figure of the plan: {error!r}; run its benchmark"
        ) from error


def _read(folder: Path, file: str) -> Any:
    return json.loads((folder / file).read_text())


def _half(of: Any) -> Any:
    return of["1000000 chunks, 50% of one tenant"]["after_compaction"]


def _whole(of: Any) -> Any:
    return of["1000000 chunks, 100% of one tenant"]["after_compaction"]


_NEEDED: dict[str, tuple[str, str, Callable[[Any], float]]] = {
    "cpu_tokens_per_s": (
        "throughput.json",
        "tokens/s of the 135M model on two cores",
        lambda of: statistics.median(one["tandem"]["tokens_per_s"] for one in of["rounds"]),
    ),
    "before_engine_ms": (
        "overhead.json",
        "ms from a question to the engine, without the embedder",
        lambda of: of["overhead_ms"]["median"],
    ),
    "embed_query_ms": ("overhead.json", "ms", lambda of: of["median_step_ms"]["embed"]),
    "embedder_chunks_per_s": (
        "embedding.json",
        "chunks/s of the embedder alone on two cores",
        lambda of: of["chunks_per_s_median"]["default"],
    ),
    "worker_chunks_per_s": (
        "ingestion.json",
        "chunks/s of one worker on two cores",
        lambda of: statistics.median(one["job_chunks_per_s"] for one in of["rounds"]),
    ),
    "chunks_per_document": (
        "ingestion.json",
        "chunks",
        lambda of: sum(one["chunks"] for one in of["rounds"]) / sum(one["documents"] for one in of["rounds"]),
    ),
    "worker_mib": (
        "memory.json",
        "MiB of a process that ingests",
        lambda of: sum(of["mib"][part]["peak"] for part in ("own", "other", "children")),
    ),
    "index_mib_per_million": (
        "scale.json",
        "MiB of memory for a million chunks",
        lambda of: _half(of)["rss_mib"] - _half(of)["rss_without_index_mib"],
    ),
    "index_disk_mib_per_million": (
        "scale.json",
        "MiB of disk for a million chunks",
        lambda of: _half(of)["disk_mib"],
    ),
    "query_ms_per_million": (
        "scale.json",
        "ms of processor for a query of a tenant of a million chunks",
        lambda of: _whole(of)["hybrid"]["largest"]["processor_ms"],
    ),
}
"""File, unit, and where in the file the figure stands."""
