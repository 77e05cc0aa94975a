"""`tandem finetune calibrate`: from held-out questions to the bias that the engine is sent. Only the margins of the
model are scripted, for a tiny one has learnt nothing that could be told from them.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from fake_vllm import DONE, FakeVllm, event, say, send
from model_tokens import default_tokenizer
from peft import LoraConfig, get_peft_model
from tiny_base import make_tiny_base
from transformers import LlamaForCausalLM

from finetune.calibrating import Asked
from ingest import Upload
from server.answering import Answer, Question, answer
from server.answering.choose import Choice
from server.opening import open_services
from tandem.abstention import ABSTENTION, Abstaining, abstaining_of
from tandem.adapters.base import base_hash
from tandem.cli import calibrate_adapter as command
from tandem.cli.adapter_files import register_adapter
from tandem.cli.adapters import opened_registry
from tandem.cli.calibrate_adapter import CalibratingWish, held_out
from tandem.cli.local import local_worker
from tandem.cli.opened import opened_recipes
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.recipes import RecipeChanges
from tandem.recipes.keeping import derive
from tandem.settings import AnswerSettings, EngineSettings, Settings
from tandem.vocabulary import Caller

TOWNS = (
    "Graz", "Linz", "Wels", "Steyr", "Krems", "Enns", "Lienz", "Bruck", "Hall", "Imst", "Melk", "Tulln", "Horn",
    "Zwettl", "Gmunden", "Ischl", "Hallein", "Zell", "Spittal", "Villach", "Judenburg", "Leoben", "Eisenstadt",
)  # fmt: skip
CORPUS = "towns"
READY = Abstaining(57, -1.0, 0.5)


def lines(file: Path, towns: Sequence[str] = TOWNS) -> Path:
    asked = (
        {"question": f"What is made in {t}?", "answers": [f"bells of {t}"], "doc_ids": [f"{t}.md"]}
        for t in towns
    )
    file.write_text("".join(json.dumps(one) + "\n" for one in asked))
    return file


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def engine() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as fake:
        fake.plays[:] = [say("bells of Graz")]
        yield fake


@pytest.fixture(scope="module")
def settings(base: Path, engine: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation with a page of each town, whose evidence is never enough for `rag`."""
    there = EngineSettings(
        address=engine.address, tokenizer=default_tokenizer(), model=str(base), base_hash="any", retries=0
    )
    made = Settings(
        data_dir=tmp_path_factory.mktemp("towns"), engine=there, answer=AnswerSettings(evidence=0.999)
    )

    async def fill() -> None:
        async with local_worker(made) as (ingestor, _):
            for town in TOWNS:
                text = f"# {town}\n\nThe foundry makes the bells of {town}, each by hand.\n"
                await ingestor.ingest(Caller(), CORPUS, Upload(f"{town}.md", f"{town}.md", text.encode()))

    asyncio.run(fill())
    return made


@pytest.fixture
def run(base: Path, tmp_path: Path) -> Path:
    config = LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM")
    get_peft_model(LlamaForCausalLM.from_pretrained(base), config).save_pretrained(tmp_path / "run")
    said = {"base": str(base), "base_hash": base_hash(base), "parameters": {}, "metrics": {}, "seconds": 1}
    (tmp_path / "run" / "training.json").write_text(json.dumps(said))
    return tmp_path / "run"


def scripted_margins(
    run: Path, base: object, asked: Sequence[Asked], moved: Callable[[int, int], None], device: str | None
) -> tuple[int, list[float]]:
    """Two logits more where the documents are left out, but for some of either kind."""
    return 57, [(n // 2) % 5 - 3.0 + (0 if one.answerable else 2) for n, one in enumerate(asked)]


def wish(run: Path, **more: object) -> CalibratingWish:
    return replace(CalibratingWish(run, CORPUS, None, None, "rag", 0.15), **more)  # type: ignore[arg-type]


def test_what_is_calibrated_goes_with_the_adapter_into_hybrid(
    settings: Settings,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "margins_of", scripted_margins)
    asked = wish(run, questions=lines(tmp_path / "held.jsonl"))
    command.calibrate_adapter(settings, asked, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["token"], found["answerable"], found["unanswerable"]) == (57, len(TOWNS), len(TOWNS))
    assert found["auroc_evidence"] > 0.9, "the corpus has a page of each town"
    noted = abstaining_of(json.loads((run / "training.json").read_text())["metrics"])
    assert noted == Abstaining(57, found["bias"], found["evidence"])

    register_adapter(settings, run, "towns", "", None, as_json=True)
    with opened_registry(settings) as (registry, _):
        registry.tag("towns@1", "champion")
    with opened_recipes(settings) as (book, store):
        assert book.find("hybrid").abstaining == noted
        assert book.find("tuned").abstaining is None
        mine = derive("rag", RecipeChanges(model="towns@1"), "mine", book, store, settings)
        assert mine.abstaining == noted
        keener = derive("hybrid", RecipeChanges(abstain_bias=3.0), "keener", book, store, settings)
        assert keener.abstaining == replace(noted, bias=3.0)
        bare = derive("hybrid", RecipeChanges(retrieval=False), "bare", book, store, settings)
        assert bare.abstaining is None
        with pytest.raises(InvalidRequestError, match="calibrated"):
            derive("rag", RecipeChanges(abstain_bias=3.0), "x", book, store, settings)


async def answers(settings: Settings, *inclined: Abstaining | None) -> list[Answer]:
    """To the same question, by recipes that are inclined so."""
    async with AsyncExitStack() as stack:
        services, *_ = await open_services(settings, stack, lambda _: None)
        found = []
        rag = services.recipes.find("rag")
        for recipe in (replace(rag, abstaining=one) for one in inclined):
            question = Question(Caller(), "tandem:rag", "What is made in Graz?", corpora=(CORPUS,))
            events = [event async for event in answer(question, services, Choice(recipe), kept=False)]
            assert isinstance(events[-1], Answer)
            found.append(events[-1])
        return found


def test_the_engine_is_sent_the_bias_that_the_evidence_calls_for(
    settings: Settings, engine: FakeVllm
) -> None:
    engine.requests.clear()
    withheld, weighed = asyncio.run(answers(settings, None, READY))
    assert withheld.abstained
    assert withheld.text == ABSTENTION
    assert withheld.evidence is not None
    assert not weighed.abstained
    assert "bells of Graz" in weighed.text
    (sent,) = engine.requests
    assert sent["logit_bias"] == {"57": pytest.approx(READY.bias_for(weighed.evidence))}


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("begins", [["I", " don't", " know", "."], []])
def test_a_model_that_the_bias_does_not_let_end_is_ended_once_it_has_decided(
    settings: Settings, engine: FakeVllm, monkeypatch: pytest.MonkeyPatch, begins: list[str], told: bool
) -> None:
    """The bias is on one token, wherever it may stand: weak evidence would have it written without end."""
    texts = [*begins, *["I"] * 200]
    untold = send(event(""), *map(event, texts), event(None, "stop"), DONE)
    monkeypatch.setattr(engine, "plays", [say(*texts) if told else untold])
    ready = replace(READY, bias=20.0)
    open_to_all = settings.model_copy(update={"answer": AnswerSettings(evidence=0.0)})
    weighed, plain = asyncio.run(answers(open_to_all, ready, None))
    assert weighed.abstained
    assert 0 < weighed.tokens_out <= 4
    assert weighed.tokens_in > 0
    assert plain.tokens_out > 100, "another model may go on after it"


def test_the_questions_for_validation_of_a_training_set_are_taken_once(tmp_path: Path) -> None:
    def example(n: int, kind: str, references: list[str]) -> str:
        said = {
            "id": f"{n}{kind}", "kind": kind, "messages": [], "answer": "x", "question": f"q{n}",
            "references": references, "documents": ["d.md"],
        }  # fmt: skip
        return json.dumps(said) + "\n"

    (tmp_path / "validation.jsonl").write_text(
        example(1, "grounded", ["a"]) + example(1, "closed", ["a"]) + example(2, "unanswerable", [])
    )
    found = held_out(tmp_path, None)
    assert [(one.question, one.answers, one.documents) for one in found] == [("q1", ("a",), ("d.md",))]


def test_what_cannot_be_calibrated_is_refused_and_notes_nothing(
    settings: Settings, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "margins_of", scripted_margins)
    before = (run / "training.json").read_text()
    few = lines(tmp_path / "few.jsonl", TOWNS[:8])
    with pytest.raises(InvalidRequestError, match="too few"):
        command.calibrate_adapter(settings, wish(run, questions=few), as_json=True)
    with pytest.raises(InvalidRequestError, match="--set, --questions"):
        command.calibrate_adapter(settings, wish(run), as_json=True)
    with pytest.raises(NotFoundError, match="corpus"):
        command.calibrate_adapter(settings, wish(run, questions=few, corpus="nosuch"), as_json=True)
    assert (run / "training.json").read_text() == before
