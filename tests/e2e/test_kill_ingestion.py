"""kill -9 of a process in the middle of a job, again and again: nothing is lost, doubled or left over."""

from pathlib import Path

from bench.kill import measure


def test_a_job_that_is_killed_five_times_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """A short form of `python -m bench.kill`."""
    report = measure(tmp_path, runs=1, kills=5, documents=16, seed=2)
    assert report["kills"] >= 4  # one may have come too late
    assert {name: report[name] for name in ("lost", "duplicated", "orphaned", "different", "unended")} == {
        "lost": 0,
        "duplicated": 0,
        "orphaned": 0,
        "different": 0,
        "unended": 0,
    }
    assert report["largest_difference_of_a_vector"] < 0.01
