"""`tandem eval sets`, on a store of their own; questions are made of a small corpus by a fake model."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fake_generator import fake_answer
from fake_judge import FakeJudge
from fake_vllm import FakeVllm, Handler, say
from model_tokens import default_tokenizer
from typer.testing import CliRunner

from ingest import Upload
from tandem.cli import app
from tandem.cli.local import local_worker
from tandem.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TandemError,
    UnavailableError,
)
from tandem.settings import Settings, StoreSettings
from tandem.store import Trace, open_store
from tandem.vocabulary import Caller

Run = Callable[..., str]
NAMES = ["Quorvex", "Tarnholt", "Brindle", "Ostrava", "Velmora", "Kestrin"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; gives what it prints, raises what it refuses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LOGNAME", "ada")

    def command(*arguments: object) -> str:
        capsys.readouterr()
        app(["eval", "sets", *(str(one) for one in arguments)], standalone_mode=False)
        return capsys.readouterr().out

    return command


def written(name: str, *lines: object) -> Path:
    file = Path(name)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


GATE = {"id": "gate", "question": "When does the gate close?", "answers": ["at seven"], "doc_ids": ["a.md"]}
YARD = {"id": "yard", "question": "Where is the yard?", "answerable": False, "tags": ["hard"]}


def test_a_set_is_imported_shown_changed_compared_and_exported(run: Run) -> None:
    file = written("cases.jsonl", GATE, YARD)
    assert run("import", file, "--name", "mine", "--note", "begin").startswith("saved  mine@1")
    assert run("import", file, "--name", "mine").startswith("unchanged  mine@1")
    written("cases.jsonl", GATE | {"answers": ["at 7"]}, {"question": "Who?"})
    assert run("import", file, "--name", "mine").startswith("saved  mine@2")
    shown = run("show", "mine@1")
    assert "answerable 1, unanswerable 1, hard 1" in shown
    assert "by ada" in shown
    assert run("diff", "mine@1").splitlines()[0].endswith("1 added, 1 removed, 1 changed, 0 the same")
    assert json.loads(run("diff", "mine@1", "mine@2", "--json"))["changed"] == {"gate": ["references"]}
    assert "yard" in run("show", "mine@1", "--tag", "hard")
    assert "gate" not in run("show", "mine@1", "--tag", "hard").split("slices")[1]
    listed = json.loads(run("list", "--json"))["sets"]
    assert [(one["ref"], one["note"], one["count"]) for one in listed] == [
        ("mine@2", "", 2),
        ("mine@1", "begin", 2),
    ]
    run("export", "mine@1", "out.jsonl")
    assert run("import", "out.jsonl", "--name", "other").split()[2] == listed[1]["hash"][:12]
    assert [json.loads(line)["id"] for line in run("export", "mine@1", "--tag", "hard").splitlines()] == [
        "yard"
    ]


def test_cases_are_added_to_those_that_are_there(run: Run) -> None:
    run("import", written("a.jsonl", GATE), "--name", "mine")
    told = json.loads(run("import", written("b.jsonl", YARD), "--name", "mine", "--add", "--json"))
    assert (told["ref"], told["count"], told["new"]) == ("mine@2", 2, True)
    assert told["origin"] == {"from": "file", "file": "b.jsonl", "added_to": "mine@1"}


def test_the_bundled_set_needs_no_file(run: Run) -> None:
    assert run("import", "--bundled", "tandem_docs").startswith("saved  tandem_docs@1")
    assert "78: 58 answerable, 20 not" in run("show", "tandem_docs")
    with pytest.raises(NotFoundError, match="comes with Tandem"):
        run("import", "--bundled", "none")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("import", "--name", "x"), InvalidRequestError),
        (("import", "cases.jsonl"), InvalidRequestError),
        (("import", "cases.jsonl", "--name", "X y"), InvalidRequestError),
        (("import", "empty.jsonl", "--name", "x"), InvalidRequestError),
        (("show", "none"), NotFoundError),
        (("show", "mine", "--tag", "none"), NotFoundError),
        (("list", "none"), NotFoundError),
        (("diff", "mine@3"), NotFoundError),
        (("export", "mine", "cases.jsonl"), ConflictError),
        (("review", "none"), NotFoundError),
        (("from-traces", "--name", "x"), InvalidRequestError),
        (("generate", "--name", "x", "--corpus", "none"), NotFoundError),
        (("generate", "--name", "x", "--ragas"), InvalidRequestError),
    ],
)
def test_what_cannot_be_done_is_refused(
    run: Run, arguments: tuple[str, ...], error: type[TandemError]
) -> None:
    written("empty.jsonl")
    run("import", written("cases.jsonl", GATE), "--name", "mine")
    with pytest.raises(error) as caught:
        run(*arguments)
    assert caught.value.hint


def test_leaks_are_told_and_the_exit_code_says_so(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("import", written("cases.jsonl", GATE, YARD), "--name", "mine")
    other = written("train.jsonl", {"question": "when does the gate close", "documents": ["b.md"]})
    done = CliRunner().invoke(
        app, ["eval", "sets", "leaks", "mine", "--against", str(other), "--clean", "rest.jsonl"]
    )
    assert done.exit_code == 1
    assert "1 of 2 cases leak into train.jsonl: 1 are the same question" in done.stdout
    assert [json.loads(line)["id"] for line in Path("rest.jsonl").read_text().splitlines()] == ["yard"]
    clean = written("clean.jsonl", {"question": "Who are you?"})
    done = CliRunner().invoke(
        app, ["eval", "sets", "leaks", "cases.jsonl", "--against", str(clean), "--json"]
    )
    assert (done.exit_code, json.loads(done.stdout)[0]["leaking"]) == (0, [])
    done = CliRunner().invoke(app, ["eval", "sets", "leaks", "mine", "--against", "mine@1", "--json"])
    assert json.loads(done.stdout)[0]["leaking"] == ["gate", "yard"]


def test_answers_that_were_voted_up_become_a_set_or_a_draft(run: Run) -> None:
    vote = {"question": "When?", "answer": "At seven.", "documents": ["a.md"], "verdict": "up"}
    file = written("votes.jsonl", vote, vote | {"verdict": "down"})
    assert run("from-feedback", file, "--name", "voted").startswith("saved  voted@1")
    assert "feedback 1" in run("show", "voted")
    assert run("from-feedback", file, "--name", "later", "--draft").startswith("drafted  later  1 cases")
    with pytest.raises(NotFoundError):
        run("show", "later")


def test_traces_are_drafted_reviewed_and_only_then_a_set(run: Run, tmp_path: Path) -> None:
    store = open_store(StoreSettings(), tmp_path / "data")
    for n, question in enumerate(("When does the gate close?", "Where is the yard?", "Who has the keys?")):
        store.add_trace(
            Trace(
                id=f"t{n}", tenant="default", recipe="rag@1", prompt_version="", question=question, corpora=[],
                answer="At seven.", abstained=False, created_at=datetime(2026, 5, n + 1, tzinfo=UTC),
                tokens_in=1, tokens_out=1, timings={}, passages=[], citations=[],
            )
        )  # fmt: skip
    store.close()
    assert "drafted  asked  2 cases" in run("from-traces", "--name", "asked", "--since", "2026-05-02")
    assert "2 of 2 cases wait" in run("list")
    with pytest.raises(ConflictError, match="draft 'asked' already"):
        run("from-traces", "--name", "asked")

    def review(typed: str) -> Any:
        return CliRunner().invoke(app, ["eval", "sets", "review", "asked"], input=typed)

    done = review("s\nr\n")
    assert "1 of 2 cases wait (1 rejected)" in done.stdout
    assert "t Who" not in done.stderr
    assert "At seven." in done.stderr
    assert "1 of 2 cases wait" in review("").stdout  # the terminal went away
    assert "1 of 2 cases wait" in review("what\nq\n").stdout
    done = review("e\nWho keeps the keys?\ny\nthe guard ;; Ada\na.md\ntrace ;; hard\n")
    assert "saved  asked@1" in done.stdout, done.output
    (case,) = json.loads(run("show", "asked", "--cases", "--json"))["cases"]
    assert (case["question"], case["references"], case["documents"], case["tags"]) == (
        "Who keeps the keys?", ["the guard", "Ada"], ["a.md"], ["trace", "hard"],
    )  # fmt: skip
    origin = json.loads(run("list", "asked", "--json"))["sets"][0]["origin"]
    assert (origin["from"], origin["review"]) == ("traces", {"edited": 1, "rejected": 1})


def test_an_edit_that_is_no_case_is_asked_again(run: Run) -> None:
    vote = {"question": "When?", "answer": "At seven.", "documents": ["a.md"], "verdict": "up"}
    run("from-feedback", written("votes.jsonl", vote), "--name", "mine", "--draft")
    typed = "e\nWhen?\nn\n-\n-\nanswerable\ne\nWhen?\nn\n-\n-\n-\n"
    done = CliRunner().invoke(app, ["eval", "sets", "review", "mine"], input=typed)
    assert "which it is not" in done.stderr
    assert "saved  mine@1" in done.stdout
    (case,) = json.loads(run("show", "mine", "--cases", "--json"))["cases"]
    assert case == {"id": case["id"], "question": "When?", "answerable": False}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as fake:
        yield fake


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the corpus; to be copied."""
    folder = tmp_path_factory.mktemp("corpus")

    async def ingested() -> None:
        async with local_worker(Settings(data_dir=folder)) as (ingestor, _):
            for n, name in enumerate(NAMES):
                text = (
                    f"# The {name} depot\n\nThe gate of the {name} depot closes at {n + 3} in the evening. "
                    f"Deliveries from {NAMES[n - 1]} wait at the south yard of {name}, and the night guard keeps "
                    f"{n + 140} keys, of which he lends none to anybody who comes after dark.\n"
                )
                await ingestor.ingest(Caller(), "depots", Upload(f"{name}.md", f"{name}.md", text.encode()))

    asyncio.run(ingested())
    return folder


@pytest.fixture
def generate(run: Run, corpus: Path, fake: FakeVllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    shutil.copytree(corpus, tmp_path / "data")
    monkeypatch.setenv("TANDEM_ENGINE__ADDRESS", fake.address)
    monkeypatch.setenv("TANDEM_ENGINE__TOKENIZER", str(default_tokenizer()))
    monkeypatch.setenv("TANDEM_ENGINE__RETRIES", "0")

    def command(*more: object) -> str:
        return run("generate", "--name", "made", "--corpus", "depots", *more)

    return command


def _written_of_its_passage(handler: Handler) -> None:
    """What a good model would write of the passage that it is asked about."""
    passage = handler.asked["messages"][-1]["content"]
    name = next(one for one in NAMES if f"the {one} depot closes" in passage)
    hour = passage.split("closes ")[1].split(".")[0]
    made = {"question": f"When does the gate of the {name} depot close?", "answer": hour}
    say(json.dumps(made))(handler)


def test_questions_are_made_of_a_corpus_and_accepted_unseen(generate: Run, run: Run, fake: FakeVllm) -> None:
    fake.plays[:] = [_written_of_its_passage]
    assert "drafted  made  4 cases" in generate("-n", 4)
    draft = Path("data/eval/drafts/made.jsonl")
    assert [file.name for file in draft.parent.iterdir()] == ["made.jsonl"]
    first = json.loads(draft.read_text().splitlines()[1])
    (uri,) = first["case"]["documents"]
    assert uri.removesuffix(".md") in first["case"]["question"]
    assert first["case"]["references"][0] in first["shown"]
    assert first["reviewed"] is False
    assert run("review", "made", "--accept-all").startswith("saved  made@1")
    origin = json.loads(run("list", "made", "--json"))["sets"][0]["origin"]
    assert (origin["corpus"], origin["review"], origin["reviewed_by"]) == ("depots", {"unseen": 4}, "ada")


@pytest.fixture
def gates(corpus: Path, run: Run, tmp_path: Path) -> str:
    """A set on the depots; its name."""
    shutil.copytree(corpus, tmp_path / "data")
    lines = [
        {
            "id": name,
            "question": f"When does the gate of the {name} depot close?",
            "answers": [f"at {n + 3} in the evening"],
            "doc_ids": [f"{name}.md"],
        }
        for n, name in enumerate(NAMES[:3])
    ]
    run("import", written("gates.jsonl", *lines, YARD), "--name", "gates")
    return "gates"


def test_what_another_document_answers_is_looked_for_reviewed_and_marked(run: Run, gates: str) -> None:
    assert run("elsewhere", gates, "--corpus", "depots").startswith("drafted  gates  3 cases")
    with pytest.raises(ConflictError, match="draft 'gates' already"):
        run("elsewhere", gates, "--corpus", "depots")
    lines = [json.loads(line) for line in Path("data/eval/drafts/gates.jsonl").read_text().splitlines()]
    assert lines[0]["origin"] == {"from": "elsewhere", "set": "gates@1", "corpus": "depots"}
    for line in lines[1:]:
        (own,) = line["case"]["documents"]
        assert f"{own}:" not in line["shown"]
        assert ".md: " in line["shown"]
    order = [line["case"]["id"] for line in lines[1:]]
    done = CliRunner().invoke(app, ["eval", "sets", "review", gates], input="y\nr\nn\na\n")
    assert "Does another document answer it?" in done.stderr
    assert "saved  gates@2" in done.stdout, done.output
    told = json.loads(run("show", gates, "--cases", "--json"))
    assert len(told["cases"]) == 4
    assert [case["id"] for case in told["cases"] if case.get("elsewhere")] == order[:1]
    assert "1 that another document answers, too" in run("show", gates)
    assert run("elsewhere", gates, "--corpus", "depots").startswith("drafted  gates  2 cases")


def test_a_judge_says_first_what_is_answered_elsewhere(
    run: Run, gates: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def says(prompt: str, schema: dict[str, Any]) -> object:
        asked = prompt.split("Question:\n")[1].split("\n")[0]
        passage = {"Brindle": 1, "Tarnholt": 99}.get(next(name for name in NAMES if name in asked), 0)
        return {"reason": "The gates close together.", "passage": passage}

    with FakeJudge.serving() as judge:
        judge.script = says
        monkeypatch.setenv("TANDEM_JUDGE__ADDRESS", judge.address)
        monkeypatch.setenv("TANDEM_JUDGE__CORRECTIONS", "0")
        monkeypatch.setenv("TANDEM_JUDGE__AT_ONCE", "1")
        monkeypatch.setenv("TANDEM_JUDGE__BUDGET_CALLS", "1")
        with pytest.raises(UnavailableError, match="no verdict on"):
            run("elsewhere", gates, "--corpus", "depots", "--judge")
        assert not Path("data/eval/drafts/gates.jsonl").exists()
        monkeypatch.delenv("TANDEM_JUDGE__BUDGET_CALLS")
        run("elsewhere", gates, "--corpus", "depots", "--judge")
        asked = len(judge.asked)
        assert asked <= 4  # what it has said before the budget was used up is not asked again
    head = json.loads(Path("data/eval/drafts/gates.jsonl").read_text().splitlines()[0])
    assert head["origin"]["judge"]
    assert run("review", gates, "--accept-all").startswith("saved  gates@2")
    told = json.loads(run("show", gates, "--cases", "--json"))
    assert [case["id"] for case in told["cases"] if case.get("elsewhere")] == ["Brindle"]


def test_a_set_without_documents_has_nothing_to_look_for(run: Run, gates: str) -> None:
    run("import", written("yard.jsonl", YARD), "--name", "yard")
    with pytest.raises(InvalidRequestError, match="passage of another document"):
        run("elsewhere", "yard", "--corpus", "depots")


def test_ragas_makes_questions_through_the_address_that_is_named(generate: Run, fake: FakeVllm) -> None:
    def answer(handler: Handler) -> None:
        asked = handler.asked
        say(fake_answer(asked["messages"][0]["content"], asked["response_format"]))(handler)

    fake.plays[:] = [answer]
    fake.requests.clear()
    told = json.loads(
        generate("-n", 5, "--ragas", "--model", "base", "--model-address", fake.address, "--json")
    )
    assert 3 <= told["cases"] <= 5
    lines = [json.loads(line) for line in Path(told["file"]).read_text().splitlines()]
    assert lines[0]["origin"]["from"] == "ragas"
    assert all("generated" in line["case"]["tags"] for line in lines[1:])
    assert {request["model"] for request in fake.requests} == {"base"}


def test_a_set_is_removed_once_it_was_said_what_that_takes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("import", written("cases.jsonl", GATE, YARD), "--name", "mine")
    run("import", written("cases.jsonl", GATE), "--name", "mine")
    refused = CliRunner().invoke(app, ["eval", "sets", "remove", "mine"], input="n\n")
    assert refused.exit_code == 1
    assert "mine@2  1 cases; no run asked it" in " ".join(refused.output.split(" "))
    with pytest.raises(ConflictError, match="Nobody can be asked"):
        run("remove", "mine", "--json")
    assert [one["ref"] for one in json.loads(run("list", "--json"))["sets"]] == ["mine@2", "mine@1"]
    assert run("remove", "mine", "--version", 1, "--yes").startswith("removed  mine@1  2 cases")
    removed = json.loads(run("remove", "mine", "--yes", "--json"))
    assert removed == [{"ref": "mine@2", "cases": 1, "runs": 0, "kept": False}]
    with pytest.raises(NotFoundError):
        run("show", "mine")
