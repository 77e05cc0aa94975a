"""`tandem finetune validate` against a running server, and with one of its own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_client import ASKED, FACT
from fake_vllm import FakeVllm, Handler, refuse, say
from served_app import put, served

from tandem.cli.validate import Wanted, validate
from tandem.errors import EngineUnavailableError, InvalidRequestError, NotFoundError
from tandem.settings import AnswerSettings, EngineSettings, Settings

REFERENCE = "seven in the evening"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    questions = [
        {"id": "gate", "question": ASKED, "answers": [REFERENCE], "doc_ids": ["gate.md"]},
        {
            "id": "ship",
            "question": "How long is the Merrow?",
            "answers": ["90 metres"],
            "doc_ids": ["ship.md"],
        },
    ]
    file = tmp_path / "held.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in questions))
    return file


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[FakeVllm, str]]:
    """A running server with two documents, and its engine, which copies the fact where it is shown."""

    def play(handler: Handler) -> None:
        asked = json.dumps(fake.requests[-1])
        say(FACT if FACT in asked and "Quorvex gate" in asked else "I don't know.")(handler)

    with FakeVllm.serving() as fake, served(fake, tmp_path / "data") as url:
        put(url, "gate.md", f"# Rules\n\n{FACT}\n", "rules")
        put(url, "ship.md", "# The Merrow\n\nThe Merrow is a ship of 90 metres, built in Graz.\n", "rules")
        (tmp_path / "data" / "server.json").write_text(json.dumps({"url": url}))
        fake.plays = [play]
        fake.requests.clear()
        yield fake, url


def test_recipes_are_asked_scored_and_compared_with_and_without_the_documents(
    tmp_path: Path, file: Path, server: tuple[FakeVllm, str], capsys: pytest.CaptureFixture
) -> None:
    fake, _ = server
    settings = Settings(data_dir=tmp_path / "data")
    wanted = Wanted(
        file,
        ("base", "rag"),
        unanswerable=True,
        plain=("base", "prompted"),
        corpora=("rules",),
        max_tokens=32,
    )
    validate(settings, wanted, as_json=True)
    found = json.loads(capsys.readouterr().out)
    rag = found["recipes"]["rag"]
    assert (rag["answerable"], rag["unanswerable"]) == (2, 2)
    assert rag["contains"]["mean"] == 0.5
    assert rag["unknown_answerable"]["mean"] == 0.5
    assert rag["unknown_unanswerable"]["mean"] == 1.0
    assert rag["citations"]["reference"]["mean"] == 1.0
    assert found["recipes"]["base"]["unknown_answerable"]["mean"] == 1.0
    assert found["differences"]["rag - base"]["contains"]["mean"] == 0.5
    assert found["forgetting"]["difference"]["mean"] == 0.0
    assert {request["max_tokens"] for request in fake.requests} == {32, 64}
    assert found == json.loads((tmp_path / "data" / "validations" / "held.json").read_text())

    many = len(fake.requests)
    validate(settings, wanted, as_json=False)
    assert len(fake.requests) == many
    shown = capsys.readouterr().out
    assert "50.0 [0.0, 100.0]" in shown
    assert "rag - base: F1" in shown
    assert "0 lost, 0 gained" in shown


def test_nothing_that_was_answered_is_lost_where_the_engine_fails(
    tmp_path: Path, file: Path, server: tuple[FakeVllm, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, _ = server
    monkeypatch.setattr("finetune.validation.over_http._PAUSE_S", 0.0)
    monkeypatch.setattr("finetune.validation.over_http._LONGEST_PAUSE_S", 0.0)
    settings = Settings(data_dir=tmp_path / "data")
    wanted = Wanted(file, ("base",), at_once=1)
    answers, unwell = fake.plays[0], refuse(503, {"error": {"message": "not now"}})
    fake.plays = [answers, unwell]
    with pytest.raises(EngineUnavailableError):
        validate(settings, wanted, as_json=True)
    assert len((tmp_path / "data" / "validations" / "held.answers.jsonl").read_text().splitlines()) == 1
    assert not (tmp_path / "data" / "validations" / "held.json").exists()
    fake.plays = [answers]
    fake.requests.clear()
    validate(settings, wanted, as_json=True)
    assert len(fake.requests) == 1
    validate(settings, Wanted(file, ("base",), at_once=1, fresh=True), as_json=True)
    assert len(fake.requests) == 3


def test_what_cannot_be_asked_is_said_before_anything_is_asked(
    tmp_path: Path, file: Path, server: tuple[FakeVllm, str]
) -> None:
    fake, _ = server
    settings = Settings(data_dir=tmp_path / "data")
    for wanted in (
        Wanted(file, ()),
        Wanted(file, ("rag", "rag")),
        Wanted(file, ("rag",), plain=("base",)),
        Wanted(file, ("rag",), run=tmp_path),
        Wanted(tmp_path / "none.jsonl", ("rag",)),
    ):
        with pytest.raises(InvalidRequestError):
            validate(settings, wanted, as_json=True)
    with pytest.raises(NotFoundError, match="nosuch"):
        validate(settings, Wanted(file, ("rag", "nosuch")), as_json=True)
    assert fake.requests == []
    with pytest.raises(InvalidRequestError, match="retrieves"):
        validate(settings, Wanted(file, ("rag",), plain=("base", "rag")), as_json=True)


def test_a_document_that_is_not_there_cannot_be_left_out(
    tmp_path: Path, server: tuple[FakeVllm, str]
) -> None:
    lost = tmp_path / "lost.jsonl"
    lost.write_text(json.dumps({"question": ASKED, "answers": ["x"], "doc_ids": ["lost.md"]}))
    with pytest.raises(NotFoundError, match=r"lost\.md"):
        validate(
            Settings(data_dir=tmp_path / "data"), Wanted(lost, ("rag",), unanswerable=True), as_json=True
        )


def test_without_a_server_it_starts_one_of_its_own_and_takes_the_training_s_figures_along(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "training.json").write_text(json.dumps({"metrics": {"loss": 1.5}}))
    with FakeVllm.serving() as fake:
        fake.plays = [say("I don't know.")]
        settings = Settings(
            data_dir=tmp_path / "own",
            engine=EngineSettings(address=fake.address, retries=0),
            answer=AnswerSettings(evidence=0.2),
        )
        validate(settings, Wanted(file, ("base",), run=tmp_path), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["recipes"]["base"]["unknown_answerable"]["mean"] == 1.0
    assert found["training"]["metrics"]["loss"] == 1.5
