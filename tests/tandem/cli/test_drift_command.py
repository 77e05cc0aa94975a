"""`tandem drift` on a store of its own, where no server runs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fake_vllm import FakeVllm
from served_app import put, served

from eval.case import EvalCase
from eval.sets import EvalSets
from server.drift.sample import bytes_of
from tandem.cli import app
from tandem.errors import InvalidRequestError, NotFoundError, TooFewExamplesError, UnavailableError
from tandem.settings import StoreSettings
from tandem.store import Observation, QuestionVector, Trace, open_store

Run = Callable[..., str]
BEGIN = datetime.now(UTC) - timedelta(hours=2)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NO_COLOR", "1")

    def command(*arguments: object) -> str:
        capsys.readouterr()
        app([str(one) for one in arguments], standalone_mode=False)
        return capsys.readouterr().out

    return command


def fill(data_dir: Path) -> None:
    """200 answers, the last 50 of them to other questions."""
    rng = np.random.default_rng(4)
    (data_dir).mkdir(exist_ok=True)
    store = open_store(StoreSettings(), data_dir)
    for place in range(200):
        at, trace = BEGIN + timedelta(seconds=place), f"t{place:04}"
        drawn = rng.normal(scale=0.15, size=16)
        drawn[0 if place < 150 else 3] += 1
        vector = bytes_of((drawn / np.linalg.norm(drawn)).astype(np.float32))
        said = {"recipe": "rag@1", "abstained": False, "created_at": at, "tokens_in": 1, "tokens_out": 1}
        lists = {"corpora": [], "passages": [], "citations": [], "timings": {}}
        store.add_trace(
            Trace(
                trace,
                "default",
                prompt_version="1",
                question=f"Why [{place}]?",
                answer="So.",
                **said,
                **lists,
            ),
            Observation(trace, "default", at, "rag@1", "answered", similarity=0.6, evidence=0.5),
        )
        store.add_question_vectors([QuestionVector(trace, "default", at, "e", vector)])
    store.close()


def test_answers_are_compared_with_a_reference_of_a_time(run: Run, tmp_path: Path) -> None:
    fill(tmp_path / "data")
    assert "none yet" in run("drift", "show")
    with pytest.raises(NotFoundError):
        run("drift", "check")
    until = (BEGIN + timedelta(seconds=150)).isoformat()
    told = run("drift", "reference", "--since", BEGIN.isoformat(), "--until", until)
    assert "150 answers" in told
    assert app(["drift", "check"], standalone_mode=False) == 1
    found = json.loads(run("drift", "show", "--json"))
    assert (found["reference"]["answers"], found["reports"]) == (150, [])
    assert "at most 5.0%" in run("drift", "calibrate")
    assert "150 questions" in run("drift", "show")


def test_a_moment_that_is_none_and_a_set_without_a_server_are_refused(run: Run) -> None:
    with pytest.raises(InvalidRequestError, match="no moment"):
        run("drift", "reference", "--since", "yesterday")
    with pytest.raises(UnavailableError):
        run("drift", "calibrate", "--set", "mine")


def test_the_questions_of_an_eval_set_make_thresholds_and_a_reference_through_the_server(
    run: Run, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    cases = [
        EvalCase(id=str(place), question=f"When does the gate of depot {place} close?", answerable=place < 80)
        for place in range(90)
    ]
    with FakeVllm.serving() as fake, served(fake, data_dir) as url:
        put(url, "gate.md", "The gate of each depot closes at seven.", "rules")
        (data_dir / "server.json").write_text(json.dumps({"url": url}))
        store = open_store(StoreSettings(), data_dir)
        EvalSets(store).save("gates", cases, author="tester")
        store.close()
        assert "at most 5.0%" in run("drift", "calibrate", "--set", "gates", "--corpus", "rules")
        assert "eval set gates (80 answers)" in run("drift", "reference", "--set", "gates")
        told = run("drift", "show")
        assert "calibrated on 80 questions (eval set gates)" in told
        assert "no looks yet" in told
        with pytest.raises(TooFewExamplesError):
            run("drift", "check")
        with pytest.raises(NotFoundError):
            run("drift", "calibrate", "--set", "nosuch")
