"""What it takes to serve so many people so many documents: machines, from measured figures and stated assumptions.

    python -m bench.capacity [--users 1000] [--chunks 100000000] [--questions-per-user-hour 20] ...

Nothing is measured here. Every figure of the plan is computed from files of bench/results and from assumptions, each
an option with a reason (`--help`), and says how. `docs/deployment.md` holds the table of sizes for four organisations,
and a test keeps it equal to this.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.capacity_figures import ASSUMPTIONS, Figure, as_json, measured, on_gpus

SIZES: dict[str, dict[str, float]] = {
    "a laptop": {"users": 1, "chunks": 40_000, "largest_tenant_chunks": 40_000, "least_servers": 1}
    | {"index_replicas": 1, "peak_factor": 5, "ingestion_days": 0.1},
    "a team": {
        "users": 50,
        "chunks": 1_000_000,
        "least_servers": 1,
        "index_replicas": 1,
        "ingestion_days": 1,
    },
    "a company": {"users": 300, "chunks": 10_000_000, "largest_tenant_chunks": 10_000_000},
    "a large organisation": {"users": 1_000, "chunks": 100_000_000},
}
"""What differs from the assumptions' defaults."""
_RATES = (500, 1_000, 2_000, 4_000, 8_000)
"""Tokens a second of one GPU, as if; for the table of what nobody has measured."""
_DAY_S = 86_400
_RESULT = Path(__file__).parent / "results" / "capacity.json"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of a plan, and the arithmetic that gives it, by the names of other figures."""

    value: float
    unit: str
    how: str


class Plan:
    """Lines, computed one after another from what is known by name."""

    def __init__(self, given: Mapping[str, float]) -> None:
        self.lines: dict[str, Line] = {}
        self._known = dict(given)

    def line(self, name: str, unit: str, how: str, *, whole: bool = False, least: float = 0) -> float:
        """Compute `how`, round it up where it counts things, and know it by `name`.

        The expressions are this module's own; being evaluated, they cannot differ from what is shown.
        """
        value = float(eval(how, {"max": max, "min": min, "ceil": math.ceil}, self._known))
        value = max(least, math.ceil(value - 1e-9) if whole else value)
        self.lines[name] = Line(value, unit, how)
        self._known[name] = value
        return value


def plan(given: Mapping[str, float]) -> dict[str, Line]:
    """The machines for what `given` names: all assumptions and all measured figures, as numbers."""
    of = Plan(given)
    of.line("questions_per_s", "1/s", "users * questions_per_user_hour / 3600 * peak_factor")
    of.line("tokens_per_s", "tokens/s", "questions_per_s * answer_tokens")
    _engines(of)
    _servers(of, chats="server_ms_per_chat" in given)
    _index(of)
    _ingestion(of)
    _database(of)
    _network(of)
    return of.lines


def _engines(of: Plan) -> None:
    at = "tokens_per_s / ({} * engine_utilisation)"
    of.line("engines_cpu", "replicas of the 135M model", at.format("cpu_tokens_per_s"), whole=True, least=1)
    of.line("engines_gpu", "GPUs as assumed", at.format("assumed_gpu_tokens_per_s"), whole=True, least=1)


def _servers(of: Plan, *, chats: bool) -> None:
    """With what a whole chat was measured to take, where it was; else with what stands before the engine."""
    if chats:
        of.line("server_ms", "ms of processor", "server_ms_per_chat * max(1, answer_tokens / 50)")
    else:
        how = "before_engine_ms + embed_query_ms + answer_tokens * relay_ms_per_token"
        of.line("server_ms", "ms of processor", how)
    of.line("server_cores_busy", "cores", "questions_per_s * server_ms / 1000")
    busy = "server_cores_busy / (server_cores * server_utilisation)"
    of.line("servers", "processes", f"max(least_servers, {busy})", whole=True)


def _index(of: Plan) -> None:
    memory = "chunks / 1000000 * index_mib_per_million * index_memory_headroom * index_replicas / 1024"
    of.line("index_memory_gib", "GiB, all machines", memory)
    disk = "chunks / 1000000 * index_disk_mib_per_million * index_disk_headroom * index_replicas / 1024"
    of.line("index_disk_gib", "GiB, all machines", disk)
    machines = "max(index_replicas, index_memory_gib / (index_machine_gib * index_machine_use))"
    of.line("index_machines", "machines", machines, whole=True)
    # A tenant that is larger than what was measured is asked in parts of that size, one after another.
    query = "query_ms_per_million * ceil(largest_tenant_chunks / 1000000)"
    of.line("query_ms", "ms of processor", query)
    of.line("index_cores_busy", "cores, all machines", "questions_per_s * query_ms / 1000")


def _ingestion(of: Plan) -> None:
    of.line("worker_chunks_per_s_here", "chunks/s", "worker_chunks_per_s / reading_factor")
    of.line("worker_days", "days of one worker", f"chunks / worker_chunks_per_s_here / {_DAY_S}")
    of.line("workers", "processes of two cores", "worker_days / ingestion_days", whole=True, least=1)
    of.line("first_ingestion_days", "days", "worker_days / workers")
    of.line("workers_memory_gib", "GiB, all workers", "workers * worker_mib / 1024")
    again = f"chunks / (embedder_chunks_per_s * workers) / {_DAY_S}"
    of.line("reembedding_days", "days, with another embedder as fast as this", again)
    daily = "chunks * changed_per_day / worker_chunks_per_s_here / 3600"
    of.line("daily_worker_hours", "hours of one worker a day", daily)


def _database(of: Plan) -> None:
    of.line("questions_per_day", "1/day", "users * questions_per_user_hour * active_hours_per_day")
    of.line("texts_gib", "GiB", "chunks * text_bytes_per_chunk / 1024**3")
    kept = "questions_per_day * (trace_bytes * trace_days + observation_bytes * observation_days) / 1024**3"
    of.line("answers_gib", "GiB", kept)
    of.line("database_gib", "GiB", "texts_gib + answers_gib")


def _network(of: Plan) -> None:
    of.line(
        "clients_mbit_s",
        "Mbit/s",
        "questions_per_s * (answer_tokens * event_bytes + closing_bytes) * 8 / 1e6",
    )
    each = "prompt_bytes + answer_tokens * event_bytes"
    of.line("engine_mbit_s", "Mbit/s", f"questions_per_s * ({each}) * 8 / 1e6")
    of.line("index_mbit_s", "Mbit/s", "questions_per_s * found_bytes * 8 / 1e6")


def gpus_at(rate: float, given: Mapping[str, float]) -> int:
    """How many engines of this many tokens a second the plan needs."""
    return int(plan({**given, "assumed_gpu_tokens_per_s": rate})["engines_gpu"].value)


def sizes(figures: Mapping[str, Figure]) -> dict[str, dict[str, Line]]:
    """The plans of `docs/deployment.md`."""
    found = {name: one.value for name, one in figures.items()}
    defaults = {name: one.default for name, one in ASSUMPTIONS.items()}
    return {name: plan(defaults | found | own) for name, own in SIZES.items()}


def main() -> None:
    """Compute and print the plan; keep that of the defaults."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, why in ASSUMPTIONS.items():
        words = f"{why.unit}: {why.reason} [{why.default:g}]".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=why.default, help=words)
    given = vars(parser.parse_args())
    assumed = {name: replace(why, default=given[name]) for name, why in ASSUMPTIONS.items()}
    figures, gpus = measured(), on_gpus()
    known = given | {name: one.value for name, one in figures.items()}
    lines = plan(known)
    report = {
        "command": " ".join(["python -m bench.capacity", *sys.argv[1:]]),
        "measured": as_json(figures),
        "assumed": as_json(assumed),
        "plan": {name: asdict(line) | {"value": _kept(line.value)} for name, line in lines.items()},
        "gpus_as_assumed": {f"{rate} tokens/s each": gpus_at(rate, known) for rate in _RATES},
        "gpus_as_measured": {
            name: asdict(one) | {"gpus": gpus_at(one.value, known)} for name, one in gpus.items()
        },
        "sizes": {
            name: {one: _kept(line.value) for one, line in of.items()} for name, of in sizes(figures).items()
        },
    }
    if given == {name: why.default for name, why in ASSUMPTIONS.items()}:  # else it is somebody's own plan
        _RESULT.write_text(json.dumps(report, indent=2) + "\n")
    _show(figures, lines, report["gpus_as_assumed"], report["gpus_as_measured"])


def _show(figures: Mapping[str, Figure], lines: Mapping[str, Line], assumed: object, at: object) -> None:
    for name, one in figures.items():
        print(f"{name:28} {number(one.value):>12}  {one.unit}; {one.source}")
    print()
    for name, line in lines.items():
        print(f"{name:28} {number(line.value):>12}  {line.unit} = {line.how}")
    print(
        f"\nGPUs, by assumed tokens/s of one: {assumed}\nGPUs, by measured tokens/s: {at or 'none measured'}"
    )


def _kept(value: float) -> float:
    return float(f"{value:.6g}")


def number(value: float) -> str:
    """For people: three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
