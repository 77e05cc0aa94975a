"""`tandem traces` and `tandem feedback`, and what learns from accepted feedback, on a store of their own."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from votes import NOW, SEEN, TRACE

from tandem.cli import app
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import StoreSettings
from tandem.store import Store, Vote, open_store

Run = Callable[..., str]
MINE = replace(TRACE, tenant="default")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; gives what it prints, raises what it refuses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LOGNAME", "ada")

    def command(*arguments: object) -> str:
        capsys.readouterr()
        app([str(one) for one in arguments], standalone_mode=False)
        return capsys.readouterr().out

    return command


@pytest.fixture
def kept(run: Run, tmp_path: Path) -> Iterator[Store]:
    store = open_store(StoreSettings(), tmp_path / "data")
    for number in range(3):
        add(store, f"t{number}", NOW + timedelta(minutes=number))
    yield store
    store.close()


def add(store: Store, trace_id: str, at: datetime) -> None:
    seen = replace(SEEN, trace_id=trace_id, tenant="default", at=at)
    store.add_trace(replace(MINE, id=trace_id, created_at=at, question=f"Question {trace_id}?"), seen)


def ids(file: str) -> list[str]:
    return [json.loads(line)["id"] for line in Path(file).read_text().splitlines()]


def test_traces_are_listed_and_shown_with_their_votes(run: Run, kept: Store) -> None:
    kept.vote(Vote("t1", "default", "ann", "down", comment="Late", correction="At eight."))
    lines = run("traces", "list").splitlines()
    assert [line.split()[0] for line in lines] == ["t2", "t1", "t0"]
    assert "answered" in lines[1] and "down" in lines[1] and "Question t1?" in lines[1]
    assert run("traces", "list", "--voted", "down", "--recipe", "rag").split()[0] == "t1"
    assert run("traces", "list", "--since", "2026-01-02T03:06:00").split()[0] == "t2"
    shown = run("traces", "show", "t1")
    assert "At seven [1]." in shown and "voted     down  new  Late  At eight." in shown
    assert json.loads(run("traces", "show", "t1", "--json"))["feedback"][0]["comment"] == "Late"
    with pytest.raises(NotFoundError):
        run("traces", "show", "t1", "--tenant", "other")
    assert json.loads(run("traces", "list", "--tenant", "other", "--json")) == []


def test_an_export_goes_on_where_the_one_before_ended(run: Run, kept: Store) -> None:
    run("traces", "export", "--out", "out.jsonl")
    assert ids("out.jsonl") == ["t0", "t1", "t2"]
    run("traces", "export", "--out", "out.jsonl", "--resume")
    assert ids("out.jsonl") == ["t0", "t1", "t2"]
    add(kept, "t4", NOW + timedelta(minutes=4))
    # Begun before the newest of the file, and written to the store after it was exported.
    add(kept, "late", NOW + timedelta(minutes=1, seconds=30))
    run("traces", "export", "--out", "out.jsonl", "--resume")
    assert ids("out.jsonl") == ["t0", "t1", "t2", "late", "t4"]
    assert json.loads(Path("out.jsonl").read_text().splitlines()[0])["citations"] == TRACE.citations


def test_an_export_that_was_cut_off_loses_half_a_line_only(run: Run, kept: Store) -> None:
    run("traces", "export", "--out", "out.jsonl")
    whole = Path("out.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(whole[:-9])
    run("traces", "export", "--out", "out.jsonl", "--resume")
    assert Path("out.jsonl").read_bytes() == whole


def test_only_an_export_is_gone_on_with(run: Run, kept: Store) -> None:
    Path("other.txt").write_text("no trace\n")
    with pytest.raises(InvalidRequestError, match="line 1"):
        run("traces", "export", "--out", "other.txt", "--resume")
    assert Path("other.txt").read_text() == "no trace\n"
    with pytest.raises(InvalidRequestError, match="resume"):
        run("traces", "export", "--resume")


def test_an_export_to_stdout_is_lines_alone(run: Run, kept: Store) -> None:
    lines = run("traces", "export", "--until", "2026-01-02T03:05:06").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["t0", "t1"]


def test_feedback_is_listed_reviewed_and_counted(run: Run, kept: Store) -> None:
    first = kept.vote(Vote("t0", "default", "ann", "up"))
    second = kept.vote(Vote("t1", "default", "bob", "down", comment="Late", tags=("time",)))
    listed = json.loads(run("feedback", "list", "--json"))
    assert [(one["id"], one["question"]) for one in listed] == [
        (second.id, "Question t1?"),
        (first.id, "Question t0?"),
    ]
    printed = run("feedback", "list", "--verdict", "down")
    assert second.id in printed and "Late" in printed and first.id not in printed
    with pytest.raises(NotFoundError):
        run("feedback", "accept", first.id, "missing")
    assert json.loads(run("feedback", "list", "--state", "accepted", "--json")) == []
    assert run("feedback", "score", "--recipe", "rag").startswith("rag  1 up  1 down  2 users, 50% up")
    run("feedback", "accept", first.id)
    run("feedback", "reject", second.id)
    assert json.loads(run("feedback", "score", "--json")) == {"recipe": None, "up": 1, "down": 0}
    assert [entry.subject for entry in kept.audit_entries("default")] == ["ada", "ada"]


def test_an_eval_set_is_made_of_what_was_accepted(run: Run, kept: Store) -> None:
    right = kept.vote(Vote("t0", "default", "ann", "up"))
    fixed = kept.vote(Vote("t1", "default", "ann", "down", correction="At eight."))
    kept.vote(Vote("t2", "default", "ann", "up"))
    with pytest.raises(InvalidRequestError, match="none was accepted"):
        run("eval", "sets", "from-feedback", "store", "--name", "real")
    run("feedback", "accept", right.id, fixed.id)
    run("eval", "sets", "from-feedback", "store", "--name", "real")
    shown = json.loads(run("eval", "sets", "show", "real", "--cases", "--json"))
    cases = {one["question"]: one["references"] for one in shown["cases"]}
    assert cases == {"Question t0?": ["At seven."], "Question t1?": ["At eight."]}


def test_a_moment_of_a_command_is_in_utc(run: Run, kept: Store) -> None:
    kept.vote(Vote("t0", "default", "ann", "up"))
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert json.loads(run("feedback", "list", "--since", later, "--json")) == []
