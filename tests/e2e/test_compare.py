"""`tandem compare` with everything real: killed in the middle and gone on with, and what it refuses."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import Tandem, environment_for, tandem_command

LOCKS = {
    "Oxbow": "dawn",
    "Merrow": "noon",
    "Tarn": "dusk",
    "Velmar": "midnight",
    "Quill": "nine in the morning",
    "Sorrel": "four in the afternoon",
    "Brack": "half past six",
    "Fenwick": "ten in the evening",
}
ARMS = ("base", "rag")
SAME = ("token_f1", "contains", "unknown_answerable", "answer_recall_10")


def compare(tandem: Tandem, *options: str) -> list[str]:
    fixed = ("--corpus", "locks", "--set", "locks", "--arms", ",".join(ARMS))
    return [*fixed, "--max-tokens", "24", "--at-once", "2", "--no-similarity", *options]


def command(tandem: Tandem, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """With the packages that tests have: the server's environment is without the extra `eval`."""
    return tandem_command(*arguments, environment=tandem.environment)


@pytest.fixture(scope="module")
def locks(tandem: Tandem, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("locks")
    for name, hour in LOCKS.items():
        (folder / f"{name}.md").write_text(
            f"# {name}\n\nThe {name} lock opens at {hour} on every day of the week.\n"
        )
    assert tandem.command("ingest", str(folder), "--corpus", "locks").returncode == 0
    cases = [
        {
            "id": name,
            "question": f"When does the {name} lock open?",
            "references": [hour],
            "documents": [f"{name}.md"],
        }
        for name, hour in LOCKS.items()
    ]
    file = folder / "cases.jsonl"
    file.write_text("".join(json.dumps(case) + "\n" for case in cases))
    done = command(tandem, "eval", "sets", "import", str(file), "--name", "locks")
    assert done.returncode == 0, done.stderr


def answers(tandem: Tandem) -> int:
    """Questions of evaluations that the server has answered so far."""
    with tandem.client() as http:
        told = http.get("/metrics").text
    found = re.search(r"^tandem_unkept_answers_total ([0-9.e+]+)$", told, re.M)
    assert found is not None
    return int(float(found[1]))


def runs(tandem: Tandem) -> list[dict]:
    done = command(tandem, "eval", "runs", "--set", "locks", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def table(comparison: dict) -> dict[tuple[str, str], tuple[float, int, int]]:
    """Figures that do not depend on the time of day, by arm and measure."""
    return {
        (arm["name"], one["measure"]): (one["estimate"]["mean"], one["cases"], one["failed"])
        for arm in comparison["arms"]
        for one in arm["figures"]
        if one["measure"] in SAME and one["estimate"]
    }


def test_a_comparison_that_was_killed_goes_on_to_the_same_table_and_asks_nothing_twice(
    tandem: Tandem, locks: None, tmp_path: Path
) -> None:
    wanted = len(LOCKS) * len(ARMS)
    before = answers(tandem)
    started = [sys.executable, "-m", "tandem", "compare", *compare(tandem, "--out", str(tmp_path / "killed"))]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(started, env=tandem.environment, stdout=log, stderr=log)
    deadline = time.monotonic() + 200
    while answers(tandem) < before + 4:
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(2)  # until the server has noticed that its client is gone
    (run,) = runs(tandem)
    assert run["state"] == "running"
    assert 0 < run["replies"] < wanted
    assert not (tmp_path / "killed").exists()

    answered = answers(tandem)
    done = command(
        tandem, "compare", "--resume", run["id"][:8], "--no-similarity", "--out", str(tmp_path / "report")
    )
    assert done.returncode == 0, done.stderr
    assert answers(tandem) - answered == wanted - run["replies"]
    (whole,) = runs(tandem)
    assert (whole["state"], whole["replies"], whole["failed"]) == ("finished", wanted, 0)
    resumed = json.loads((tmp_path / "report" / "report.json").read_text())
    assert resumed["run"] == run["id"]
    assert not resumed["partial"]
    assert [sentence["text"] for sentence in resumed["recommendation"]]
    assert all(name in (tmp_path / "report" / "report.md").read_text() for name in ARMS)

    answered = answers(tandem)
    again = command(tandem, "eval", "show", run["id"][:8], "--json")
    assert again.returncode == 0, again.stderr
    assert answers(tandem) == answered
    assert table(json.loads(again.stdout)) == table(resumed)
    straight = command(tandem, "compare", *compare(tandem, "--json", "--out", str(tmp_path / "straight")))
    assert straight.returncode == 0, straight.stderr
    assert answers(tandem) == answered + wanted
    uninterrupted = table(json.loads(straight.stdout))
    assert uninterrupted.keys() == table(resumed).keys()
    assert uninterrupted == table(resumed)
    flips = command(tandem, "eval", "diff", f"{run['id']}:base", f"{run['id']}:rag", "--json")
    assert flips.returncode == 0, flips.stderr
    assert json.loads(flips.stdout)["difference"]["cases"] == len(LOCKS)


def test_what_cannot_be_compared_is_said_in_a_line_and_leaves_no_run(tandem: Tandem, locks: None) -> None:
    known = len(runs(tandem))
    for options, words in (
        (["--set", "nosuch"], "nosuch"),
        (["--set", "locks", "--corpus", "nosuch", "--arms", "rag"], "nosuch"),
        (["--set", "locks", "--arms", " , "], "No recipe"),
        (["--set", "locks", "--arms", "base,tuned"], "adapter"),
        ([], "--set"),
    ):
        done = command(tandem, "compare", *options)
        assert done.returncode == 1, done.stdout
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    assert len(runs(tandem)) == known


def test_without_an_engine_it_says_so(tmp_path: Path) -> None:
    environment = environment_for(
        tmp_path / "data", TANDEM_ENGINE__ADDRESS="http://127.0.0.1:9", TANDEM_ENGINE__START_TIMEOUT_S="3"
    )
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps({"id": "a", "question": "When?", "references": ["now"]}))
    assert (
        tandem_command("eval", "sets", "import", str(file), "--name", "s", environment=environment).returncode
        == 0
    )
    done = tandem_command("compare", "--set", "s", "--arms", "base", environment=environment)
    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
