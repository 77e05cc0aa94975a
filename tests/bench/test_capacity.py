"""A plan is arithmetic over named figures, and the page shows what it gives."""

import json
import re
from pathlib import Path

import pytest

from bench.capacity import SIZES, gpus_at, plan, sizes
from bench.capacity_figures import ASSUMPTIONS, RESULTS, measured, on_gpus
from bench.capacity_page import PAGE, parts, written

SMALL = {name: why.default for name, why in ASSUMPTIONS.items()} | {
    **{"users": 360, "questions_per_user_hour": 10, "peak_factor": 3, "answer_tokens": 100},
    **{"engine_utilisation": 0.5, "cpu_tokens_per_s": 50, "assumed_gpu_tokens_per_s": 1_000},
    **{"before_engine_ms": 5, "embed_query_ms": 5, "relay_ms_per_token": 0.4},
    **{"server_cores": 1, "server_utilisation": 0.5, "least_servers": 1},
    **{"chunks": 2_000_000, "index_mib_per_million": 1_024, "index_disk_mib_per_million": 2_048},
    **{"index_memory_headroom": 1, "index_disk_headroom": 2, "index_replicas": 2},
    **{"index_machine_gib": 4, "index_machine_use": 0.5},
    **{"query_ms_per_million": 7, "largest_tenant_chunks": 1_500_000},
    **{"worker_chunks_per_s": 100, "reading_factor": 2, "ingestion_days": 0.25, "worker_mib": 512},
    **{"embedder_chunks_per_s": 100, "changed_per_day": 0.09, "text_bytes_per_chunk": 1_024},
    **{"active_hours_per_day": 10, "trace_bytes": 1_000, "trace_days": 10},
    **{"observation_bytes": 100, "observation_days": 100},
}


def test_a_plan_is_what_one_computes_by_hand() -> None:
    of = {name: line.value for name, line in plan(SMALL).items()}
    # 360 people x 10 an hour = 1 a second, three at the peak; 100 tokens each.
    assert (of["questions_per_s"], of["tokens_per_s"]) == (3, 300)
    # 300 / (50 x 0.5), and 300 / (1,000 x 0.5).
    assert (of["engines_cpu"], of["engines_gpu"]) == (12, 1)
    # 5 + 5 + 100 x 0.4 = 50 ms, three a second: 0.15 cores of the 0.5 that one server may use.
    assert of["server_ms"] == 50
    assert (of["server_cores_busy"], of["servers"]) == (pytest.approx(0.15), 1)
    # Two millions x 1 GiB x two copies, on machines of which 2 GiB are used; 2 GiB of disk each, twice.
    assert (of["index_memory_gib"], of["index_machines"], of["index_disk_gib"]) == (4, 2, 16)
    # A tenant of a million and a half is two parts of a million.
    assert (of["query_ms"], of["index_cores_busy"]) == (14, pytest.approx(0.042))
    # 2,000,000 / 50 = 40,000 s of one worker, in a quarter of a day.
    assert (of["workers"], of["first_ingestion_days"]) == (2, pytest.approx(40_000 / 86_400 / 2))
    assert of["daily_worker_hours"] == pytest.approx(1)
    # 36,000 questions a day x (10 kB + 10 kB), and 2,000,000 KiB of texts.
    assert of["answers_gib"] == pytest.approx(36_000 * 20_000 / 1024**3)
    assert of["texts_gib"] == pytest.approx(2_000_000 / 1024**2)


def test_a_measured_chat_stands_in_for_what_was_assumed_of_it() -> None:
    lines = plan(SMALL | {"server_ms_per_chat": 20})
    assert lines["server_ms"].value == 40  # measured with 50 tokens, and 100 are wanted
    assert "relay_ms_per_token" not in lines["server_ms"].how


def test_things_are_counted_up_and_never_to_none() -> None:
    assert gpus_at(599, SMALL) == 2
    assert gpus_at(600, SMALL) == 1
    none = plan(SMALL | {"users": 0})
    assert (none["engines_cpu"].value, none["servers"].value) == (1, 1)


def test_every_figure_names_its_source_or_its_reason() -> None:
    figures = measured()
    known = set(figures) | set(ASSUMPTIONS)
    for name, line in plan(dict.fromkeys(known, 1.0)).items():
        words = set(re.findall(r"[a-z][a-z_]{2,}", line.how)) - {"max", "ceil", "min"}
        assert words <= known, name
        known.add(name)
    for one in figures.values():
        assert (RESULTS.parents[1] / one.source).is_file()
    assert all(why.reason for why in ASSUMPTIONS.values())
    assert all(set(own) <= set(ASSUMPTIONS) for own in SIZES.values())


def test_a_file_that_lacks_a_figure_is_named(tmp_path: Path) -> None:
    (tmp_path / "throughput.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"throughput\.json lacks a figure"):
        measured(tmp_path)


def test_a_gpu_counts_by_the_most_that_it_gave_without_adapters(tmp_path: Path) -> None:
    assert on_gpus(tmp_path) == {}
    folder = tmp_path / "gpu" / "some-gpu"
    folder.mkdir(parents=True)
    rates = {0: (100, 900), 8: (2_000,)}
    runs = [
        {"model": "llama-8b", "adapters": adapters, "loads": [{"tokens_per_s": one} for one in each]}
        for adapters, each in rates.items()
    ]
    report = {"device": {"name": "Some GPU"}, "runs": runs}
    (folder / "adapters_serving.json").write_text(json.dumps(report))
    assert on_gpus(tmp_path)["Some GPU"].value == 900


def test_the_page_shows_what_the_model_gives() -> None:
    page = PAGE.read_text()
    for name, text in parts().items():
        assert written(page, name, text) == page, "run `python -m bench.capacity_page`"


def test_the_kept_plan_is_of_the_kept_figures() -> None:
    kept = json.loads((RESULTS / "capacity.json").read_text())
    for name, of in sizes(measured()).items():
        assert kept["sizes"][name] == {one: float(f"{line.value:.6g}") for one, line in of.items()}, (
            "run `python -m bench.capacity`"
        )
