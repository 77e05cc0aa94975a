"""`tandem calibrate` over real parts, in this process and through a server; the engine alone is a fake."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
import uvicorn
from fake_vllm import FakeVllm
from running import free_port
from typer.testing import CliRunner

from eval.sets import EvalSets, read_cases
from ingest import Upload
from server.app import create_app
from server.calibration import FEATURES, bundled_calibration, read_calibration
from tandem.cli.calibrate import calibrate
from tandem.cli.local import local_worker
from tandem.cli.main import app
from tandem.cli.opened import opened_store
from tandem.cli.remote import announce
from tandem.errors import EngineUnavailableError, InvalidRequestError, NotFoundError, StorageError
from tandem.rerank.light import LightReranker
from tandem.settings import (
    AnswerSettings,
    EngineSettings,
    IdentitySettings,
    ServerSettings,
    Settings,
)
from tandem.vocabulary import Caller, Passage, document_id

THINGS = ("pump", "valve", "lantern", "furnace", "bridge", "compass", "anchor", "turbine", "ladder", "kettle")
PLACES = ("Graz", "Linz", "Wels", "Steyr", "Krems", "Enns", "Lienz", "Bruck", "Hall", "Imst")


def text_of(thing: str, place: str) -> str:
    return f"# The {thing}\n\nThe {thing} was built in {place}. Its keeper cleans the {thing} every Monday.\n"


def documents() -> list[Upload]:
    return [
        Upload(f"{thing}.md", f"{thing}.md", text_of(thing, place).encode())
        for thing, place in zip(THINGS, PLACES, strict=True)
    ]


def cases() -> list[dict]:
    asked = zip(THINGS, PLACES, strict=True)
    return [
        {"question": f"Where was the {thing} built?", "documents": [f"{thing}.md"], "answers": [place]}
        for thing, place in asked
    ] + [{"question": "Who composed the opera about a whale?", "answerable": False}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with ten documents."""
    folder = tmp_path_factory.mktemp("data")

    async def fill() -> None:
        async with local_worker(Settings(data_dir=folder)) as (ingestor, _):
            for upload in documents():
                await ingestor.ingest(Caller(), "things", upload)

    asyncio.run(fill())
    return folder


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(map(json.dumps, cases())))
    return file


@pytest.fixture
def served(folder: Path) -> Iterator[tuple[Settings, str]]:
    """A server on the folder, that commands find."""
    with FakeVllm.serving() as fake:
        settings = Settings(
            data_dir=folder,
            engine=EngineSettings(address=fake.address),
            server=ServerSettings(port=free_port()),
            identity=IdentitySettings(required=False),
        )
        config = uvicorn.Config(create_app(settings), port=settings.server.port, log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.05)
        note = announce(settings)
        yield settings, f"http://127.0.0.1:{settings.server.port}"
        note.unlink()
        server.should_exit = True
        thread.join(30)


def run(settings: Settings, questions: Path, out: Path | None, capsys: pytest.CaptureFixture[str]) -> dict:
    calibrate(settings, "things", questions, out, None, likelihood=False, scores=True, as_json=True)
    return json.loads(capsys.readouterr().out)


def test_it_is_the_same_in_this_process_and_through_the_server(
    folder: Path, questions: Path, tmp_path: Path, capsys, request
) -> None:
    here = run(Settings(data_dir=folder), questions, tmp_path / "here.json", capsys)
    settings, _ = request.getfixturevalue("served")
    there = run(settings, questions, None, capsys)
    assert there["file"] == str(folder / "calibration-things.json")
    assert {**here, "file": ""} == {**there, "file": ""}
    assert here["questions"] == 21  # ten, the same without their documents, and one that nothing answers
    assert here["hold_the_answer"] == 10
    assert here["after"]["auroc"] > 0.9
    assert here["after"]["ece"] < here["before"]["ece"]
    written = read_calibration(tmp_path / "here.json")
    assert written.digest == here["version"] != bundled_calibration().digest
    assert written.scored_by == "hybrid dbsf 1:3 of 50"
    assert "11 questions to corpus things" in written.fitted_on
    Settings(answer=AnswerSettings(calibration=tmp_path / "here.json"))


def test_an_eval_set_is_the_same_from_a_file_and_from_the_store(
    folder: Path, questions: Path, tmp_path: Path, capsys
) -> None:
    plain = run(Settings(data_dir=folder), questions, tmp_path / "plain.json", capsys)
    lines = [case | {"doc_ids": case.pop("documents", [])} for case in cases()]
    lines.append({"question": "And who cleans it?", "documents": ["pump.md"], "history": [asked(lines[0])]})
    lines.append({"question": "Is anything known of it?"})
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    settings = Settings(data_dir=folder)
    with opened_store(settings) as store:
        EvalSets(store).save("mine", read_cases(file))
    capsys.readouterr()
    for number, given in enumerate((file, "mine@1", "mine")):
        calibrate(
            settings,
            "things",
            given,
            tmp_path / f"{number}.json",
            None,
            likelihood=False,
            scores=True,
            as_json=True,
        )
        said = capsys.readouterr()
        assert {**json.loads(said.out), "file": ""} == {**plain, "file": ""}
        assert "2 questions are passed over" in said.err
    assert "mine@1: 11 questions" in read_calibration(tmp_path / "1.json").fitted_on
    with pytest.raises(NotFoundError, match="nosuch"):
        calibrate(
            settings,
            "things",
            "nosuch",
            tmp_path / "c.json",
            None,
            likelihood=False,
            scores=True,
            as_json=True,
        )


def test_what_the_engine_says_of_the_questions_is_weighed_where_it_is_wished(
    questions: Path, tmp_path: Path, served: tuple[Settings, str], capsys
) -> None:
    settings, address = served
    calibrate(
        settings, "things", questions, tmp_path / "c.json", None, likelihood=True, scores=True, as_json=True
    )
    assert json.loads(capsys.readouterr().out)["questions"] == 21
    written = read_calibration(tmp_path / "c.json")
    assert written.model == settings.engine.model
    assert written.weights[FEATURES.index("explained")] > 0
    with httpx.Client(base_url=address, trust_env=False) as http:
        body = {"question": "Where was the pump built?", "documents": ["pump.md"]}
        path = "/api/corpora/things/evidence"
        said = [http.post(path, json=body | {"likelihood": wished}).json() for wished in (False, True)]
    assert said[0]["features"][-2:] == [0, 0]
    assert all(0 < one < 1 for one in said[1]["features"][-2:])
    assert said[0]["features"][:-2] == said[1]["features"][:-2]


def test_what_another_document_answers_is_not_asked_without_its_own(
    folder: Path, questions: Path, tmp_path: Path, capsys
) -> None:
    lines = [json.loads(line) for line in questions.read_text().splitlines()]
    for one in lines[:2]:
        one["elsewhere"] = True
    questions.write_text("\n".join(map(json.dumps, lines)))
    assert run(Settings(data_dir=folder), questions, tmp_path / "c.json", capsys)["questions"] == 19


def test_scores_of_a_reranker_that_knows_the_questions_can_be_left_out(
    folder: Path, questions: Path, tmp_path: Path
) -> None:
    given = ["--questions", str(questions), "--corpus", "things", "--out", str(tmp_path / "c.json"), "--json"]
    environment = {"TANDEM_DATA_DIR": str(folder)}
    for more, weighed in (((), True), (("--no-scores",), False)):
        done = CliRunner().invoke(app, ["calibrate", *given, *more], env=environment)
        assert done.exit_code == 0, done.output
        weights = dict(zip(FEATURES, read_calibration(tmp_path / "c.json").weights, strict=True))
        assert any(weights[name] for name in ("score", "score_lead")) is weighed
        assert weights["bm25"]


def test_an_engine_that_does_not_serve_is_said_and_nothing_is_written(
    folder: Path, questions: Path, tmp_path: Path
) -> None:
    settings = Settings(
        data_dir=folder, engine=EngineSettings(address="http://127.0.0.1:9", start_timeout_s=1)
    )
    with pytest.raises(EngineUnavailableError):
        calibrate(
            settings,
            "things",
            questions,
            tmp_path / "c.json",
            None,
            likelihood=True,
            scores=True,
            as_json=True,
        )
    assert not (tmp_path / "c.json").exists()


def asked(case: dict) -> dict:
    return {"role": "user", "content": case["question"]}


def test_questions_that_something_else_scored_are_left_out(
    folder: Path, questions: Path, tmp_path: Path, monkeypatch
) -> None:
    """Of one question in six the reranker is late."""
    count, real = 0, LightReranker.scores

    async def scores(self: LightReranker, question: str, passages: Sequence[Passage]) -> list[float]:
        nonlocal count
        count += 1
        if count % 6 == 0:
            await asyncio.sleep(60)
        return await real(self, question, passages)

    monkeypatch.setattr(LightReranker, "scores", scores)
    given = ["--questions", str(questions), "--corpus", "things", "--out", str(tmp_path / "c.json"), "--json"]
    environment = {
        "TANDEM_DATA_DIR": str(folder),
        "TANDEM_RETRIEVAL__RERANKER": "light",
        "TANDEM_RETRIEVAL__RERANK_DEADLINE_MS": "300",
    }
    done = CliRunner().invoke(app, ["calibrate", *given], env=environment)
    assert json.loads(done.stdout)["questions"] == 18
    assert "reranker was late" in done.stderr  # as it is logged
    left_out = "3 questions are left out, whose passages 'hybrid dbsf 1:3 of 50' scored, and not 'light'"
    assert left_out in done.stderr
    assert read_calibration(tmp_path / "c.json").scored_by == "light"


def test_figures_are_printed_for_people_too(folder: Path, questions: Path, tmp_path: Path, capsys) -> None:
    calibrate(
        Settings(data_dir=folder),
        "things",
        questions,
        tmp_path / "c.json",
        None,
        likelihood=False,
        scores=True,
        as_json=False,
    )
    shown = capsys.readouterr().out
    assert "before" in shown
    assert "threshold  answered" in shown
    assert str(tmp_path / "c.json") in shown


@pytest.mark.parametrize(
    ("more", "corpus", "error"),
    [
        ({"question": "Where?", "documents": ["nosuch.md"]}, "things", NotFoundError),
        ({"question": "Where?", "documents": ["pump.md"]}, "nosuch", NotFoundError),
    ],
)
def test_what_is_not_there_is_not_found(
    folder: Path, tmp_path: Path, more: dict, corpus: str, error: type[Exception]
) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(json.dumps(more))
    with pytest.raises(error, match="nosuch"):
        calibrate(
            Settings(data_dir=folder),
            corpus,
            file,
            tmp_path / "c.json",
            None,
            likelihood=False,
            scores=True,
            as_json=True,
        )
    assert not (tmp_path / "c.json").exists()


def test_too_few_questions_are_refused_and_so_is_a_place_that_cannot_be_written(
    folder: Path, questions: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(map(json.dumps, cases()[:3])))
    with pytest.raises(InvalidRequestError, match="at least 8"):
        calibrate(
            Settings(data_dir=folder),
            "things",
            few,
            tmp_path / "c.json",
            None,
            likelihood=False,
            scores=True,
            as_json=True,
        )
    with pytest.raises(StorageError, match="cannot be written"):
        out = tmp_path / "no" / "such" / "c.json"
        calibrate(
            Settings(data_dir=folder),
            "things",
            questions,
            out,
            None,
            likelihood=False,
            scores=True,
            as_json=True,
        )


def test_the_api_leaves_documents_out_and_says_what_is_wrong(served: tuple[Settings, str]) -> None:
    with httpx.Client(base_url=served[1], trust_env=False) as http:
        path = "/api/corpora/things/evidence"
        body = {"question": "Where was the pump built?", "documents": ["pump.md"]}
        there = http.post(path, json=body).json()
        assert there["passages"][0]["uri"] == "pump.md"
        assert there["documents"] == [document_id("default", "things", "pump.md")]
        missing = http.post(path, json=body | {"leave_out": True}).json()
        assert missing["passages"]
        assert "pump.md" not in {passage["uri"] for passage in missing["passages"]}
        assert missing["evidence"] < there["evidence"]
        for wrong, status in (
            ({"documents": ["nosuch.md"]}, 404),
            ({"recipe": "nosuch"}, 404),
            ({"recipe": "base"}, 400),
            ({"question": "x" * 9_000}, 413),
            ({"question": ""}, 400),
            ({"unknown": 1}, 400),
        ):
            response = http.post(path, json=body | wrong)
            assert response.status_code == status, (wrong, response.text)
            assert response.json()["error"]["message"]
        elsewhere = http.post("/api/corpora/nosuch/evidence", json={"question": "Where?"})
        assert elsewhere.status_code == 404
