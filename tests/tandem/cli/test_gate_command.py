"""`tandem eval gate` and `tandem recipes promote` against a running server, with their exit codes."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from app_client import ASKED, FACT
from fake_vllm import FakeVllm, Handler, say
from served_app import put, served

from eval.case import EvalCase
from eval.sets import EvalSets
from tandem.cli import app
from tandem.cli.eval_gate import tolerances_of
from tandem.cli.opened import opened_store
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import Settings

Run = Callable[..., tuple[int, str]]
QUESTIONS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Data folder of a running server whose engine copies the fact where it is shown, and knows nothing else."""

    def play(handler: Handler) -> None:
        say(FACT if FACT in json.dumps(handler.asked) else "I don't know.")(handler)

    folder = tmp_path_factory.mktemp("gate") / "data"
    with FakeVllm.serving() as fake, served(fake, folder) as url:
        put(url, "gate.md", f"# Rules\n\n{FACT}\n", "rules")
        (folder / "server.json").write_text(json.dumps({"url": url}))
        (folder / "engine").write_text(fake.address)
        fake.plays = [play]
        with opened_store(Settings(data_dir=folder)) as store:
            cases = [
                EvalCase(id=f"q{n}", question=ASKED, references=(FACT,), documents=("gate.md",))
                for n in range(QUESTIONS)
            ]
            EvalSets(store).save("depot", cases)
        yield folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; gives its exit code and what it prints."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(folder))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def command(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = app(list(arguments), standalone_mode=False)
        return int(code or 0), capsys.readouterr().out

    return command


def test_the_exit_code_tells_better_worse_and_too_few(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = folder / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    worse, told = run("eval", "gate", "--set", "depot", "--candidate", "base", "--corpus", "rules")
    assert worse == 1
    assert told.startswith("base@")
    assert f"over {QUESTIONS} questions" in told
    assert summary.read_text().startswith("## Tandem's gate: worse")

    passed, told = run("eval", "gate", "--set", "depot", "--baseline", "base", "--candidate", "rag", "--json")
    found = json.loads(told)
    assert (passed, found["standing"], found["needed"]) == (0, "pass", None)
    assert [one["measure"] for one in found["checks"]] == ["token_f1", "unknown_answerable"]
    assert found["checks"][0]["difference"]["low"] > 0
    assert summary.read_text().count("## Tandem's gate") == 2

    assert run("recipes", "save", "alike", "--from", "rag", "--max-tokens", "77")[0] == 0
    time.sleep(1.5)  # a running server sees what is saved within a second
    too_few, told = run(
        "eval", "gate", "--set", "depot@1", "--candidate", "alike", "--tolerance", "token_f1=0.02"
    )
    assert too_few == 2
    assert "cannot tell" in told
    assert "it takes about" in told


def test_a_recipe_is_promoted_where_the_gate_passes_it_and_the_history_says_what_was_found(run: Run) -> None:
    history = json.loads(run("recipes", "champion", "--json")[1])
    assert history["champion"] == "rag"
    code, told = run("recipes", "promote", "base", "--gate", "depot", "--corpus", "rules")
    assert code == 1
    assert "unchanged  rag" in told
    assert json.loads(run("recipes", "champion", "--json")[1])["champion"] == "rag"

    code, told = run(
        "recipes", "promote", "base", "--gate", "depot", "--force", "--reason", "a trial", "--json"
    )
    assert code == 0
    assert json.loads(told)["promoted"]
    now = json.loads(run("recipes", "champion", "--json")[1])
    assert now["champion"] == "base"
    assert now["history"][0]["reason"].startswith("a trial; FORCED, although gate on depot@1: worse")

    code, _ = run("recipes", "promote", "rag", "--gate", "depot", "--corpus", "rules")
    assert code == 0
    now = json.loads(run("recipes", "champion", "--json")[1])
    assert now["champion"] == "rag"
    assert now["history"][0]["reason"].startswith("gate on depot@1: pass")
    with pytest.raises(InvalidRequestError, match="both baseline and candidate"):
        run("recipes", "promote", "rag", "--gate", "depot")


def test_what_cannot_be_gated_is_said_before_anything_is_asked(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError):
        run("eval", "gate", "--set", "nosuch", "--candidate", "base")
    with pytest.raises(NotFoundError):
        run("eval", "gate", "--set", "depot", "--candidate", "nosuch")
    with pytest.raises(InvalidRequestError, match="both baseline and candidate"):
        run("eval", "gate", "--set", "depot", "--baseline", "rag", "--candidate", "rag@1")
    monkeypatch.setenv("TANDEM_JUDGE__ADDRESS", f"{(folder / 'engine').read_text()}/v1")
    faithful = ("--tolerance", "faithfulness=0.05")
    with pytest.raises(InvalidRequestError, match=r"may not gate.*has not been judged"):
        run("eval", "gate", "--set", "depot", "--baseline", "rag", "--candidate", "base", *faithful)


def test_a_tolerance_names_a_measure_and_a_share() -> None:
    assert tolerances_of(" token_f1=0.02, faithfulness=0.1,") == {"token_f1": 0.02, "faithfulness": 0.1}
    assert tolerances_of("") == {}
    for wrong in ("nosuch=0.1", "token_f1", "token_f1=much", "token_f1=2", "token_f1=nan"):
        with pytest.raises(InvalidRequestError):
            tolerances_of(wrong)
