"""`tandem finetune refresh` from a set to the gate, with a tiny base model; the engine alone is a fake."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_vllm import FakeVllm, Handler, say
from model_tokens import default_tokenizer
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from finetune.calibrating import Asked, margins_of
from finetune.dataset.options import Options
from finetune.training import BaseModel, TrainingOptions
from ingest import Upload
from tandem.abstention import ABSTAINING, abstaining_of
from tandem.adapters import AdapterFacts, AdapterVersion
from tandem.adapters.base import base_hash
from tandem.cli.adapters import opened_registry
from tandem.cli.local import local_worker
from tandem.cli.refresh import RefreshWish, options_of, refresh_adapter
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import AnswerSettings, EngineSettings, Settings
from tandem.vocabulary import Caller

THINGS = ("pump", "valve", "lantern", "furnace", "bridge", "compass", "anchor", "turbine", "ladder", "kettle")
PLACES = ("Graz", "Linz", "Wels", "Steyr", "Krems", "Enns", "Lienz", "Bruck", "Hall", "Imst")
OPTIONS = Options(validation=0.3, least=3, closed=0.0, unanswerable=0.25, copies=6)
ASKED = (
    "In which town did they build the {}?",
    "Name the place where the {} comes from.",
    "The {}: who made it is unknown, but where?",
    "What town is the {} of?",
    "Can you tell me the birthplace of the {}, please?",
    "Which town had the {} first?",
    "From where was the {} brought?",
    "Was there a workshop for the {}, and in which town?",
    "Where was the {} built?",
    "Say the town that built the {}.",
)
"""Each in words of its own, or the leak check would take it for one that is held out."""
TRAINED = {"rank": 4, "epochs": 1.0, "batch_size": 4, "dtype": "fp32", "targets": ["q_proj"], "made_up": 1}


def fact(number: int) -> str:
    return f"The {THINGS[number]} was built in the town of {PLACES[number]}."


def question(number: int) -> dict[str, object]:
    return {
        "question": ASKED[number].format(THINGS[number]),
        "answers": [f"in the town of {PLACES[number]}"],
        "doc_ids": [f"{THINGS[number]}.md"],
    }


def lines(file: Path, numbers: range) -> Path:
    file.write_text("".join(json.dumps(question(number)) + "\n" for number in numbers))
    return file


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with the real tokenizer."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = AutoTokenizer.from_pretrained(default_tokenizer())
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
        max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture
def engine() -> Iterator[FakeVllm]:
    """Its adapter `depot@1` knows nothing, `depot@2` what it is shown, `depot@3` neither."""

    def play(handler: Handler) -> None:
        asked = fake.requests[-1]
        shown = json.dumps(asked["messages"])
        known = [
            fact(n) for n, thing in enumerate(THINGS) if fact(n) in shown and ASKED[n].format(thing) in shown
        ]
        texts = {"depot@1": "I don't know.", "depot@3": "It is green."}
        say(texts.get(asked["model"]) or (known[0] if known else "I don't know."))(handler)

    with FakeVllm.serving() as fake:
        fake.plays = [play]
        yield fake


@pytest.fixture
def settings(tmp_path: Path, base: Path, engine: FakeVllm) -> Settings:
    """An installation with ten documents and a first version of `depot`."""
    settings = Settings(
        data_dir=tmp_path / "data",
        engine=EngineSettings(base_hash=base_hash(base), address=engine.address, model=str(base), retries=0),
        answer=AnswerSettings(evidence=0),
    )

    async def fill() -> None:
        async with local_worker(settings) as (ingestor, _):
            for number, thing in enumerate(THINGS):
                text = f"# The {thing}\n\n{fact(number)} Its keeper cleans the {thing} every Monday.\n"
                await ingestor.ingest(Caller(), "docs", Upload(f"{thing}.md", f"{thing}.md", text.encode()))

    asyncio.run(fill())
    model = get_peft_model(
        LlamaForCausalLM.from_pretrained(base),
        LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"),
    )
    model.save_pretrained(tmp_path / "first")
    facts = AdapterFacts(base=str(base), base_hash=base_hash(base), data_hash="0" * 64, parameters=TRAINED)
    with opened_registry(settings) as (registry, _):
        registry.register(tmp_path / "first", name="depot", facts=facts, author="me")
    return settings


def test_a_successor_is_trained_validated_and_promoted_and_a_worse_one_is_not(
    tmp_path: Path, settings: Settings, engine: FakeVllm, capsys: pytest.CaptureFixture
) -> None:
    held = lines(tmp_path / "held.jsonl", range(8, 10))
    wish = RefreshWish("depot", held, "docs", "rag", (lines(tmp_path / "old.jsonl", range(7)),))
    assert refresh_adapter(settings, wish, OPTIONS, None, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["current"], found["candidate"], found["promoted"]) == ("depot@1", "depot@2", True)
    assert found["new_documents"] == 0
    kept = settings.data_dir / "refreshes" / "depot-2"
    report = json.loads((kept / "validation.json").read_text())
    assert report["recipes"]["depot@2"]["unanswerable"] == 2
    assert report["recipes"]["depot@2"]["unknown_unanswerable"]["mean"] == 1.0
    with opened_registry(settings) as (registry, _):
        second = registry.get("depot@2")
        assert set(second.tags) == {"candidate", "champion"}
        assert second.facts.data_hash == found["data_hash"]
        assert second.facts.parameters["rank"] == 4
        assert "validation_loss" in second.facts.metrics
    set_questions = (kept / "set" / "train.jsonl").read_text() + (
        kept / "set" / "validation.jsonl"
    ).read_text()
    assert THINGS[8] not in "".join(json.loads(one)["question"] for one in set_questions.splitlines())

    asked = len(engine.requests)
    assert refresh_adapter(settings, wish, OPTIONS, None, as_json=False)
    assert "nothing new" in capsys.readouterr().out
    assert len(engine.requests) == asked

    feedback = tmp_path / "feedback.jsonl"
    voted = question(7) | {"answer": fact(7) + " [1]", "documents": [f"{THINGS[7]}.md"], "verdict": "up"}
    feedback.write_text(json.dumps(voted))
    more = RefreshWish("depot", held, "docs", "rag", wish.questions, feedback)
    assert not refresh_adapter(settings, more, OPTIONS, None, as_json=False)
    shown = capsys.readouterr().out
    assert "FAILS: F1 differs by" in shown
    assert "depot@2 stays; depot@3 is kept as a candidate" in shown
    with opened_registry(settings) as (registry, _):
        assert "champion" in registry.get("depot@2").tags
        assert registry.get("depot@3").tags == ("candidate",)


@pytest.mark.parametrize("knows", [True, False])
def test_the_successor_of_a_calibrated_version_is_calibrated_where_it_can_be(
    knows: bool,
    tmp_path: Path,
    settings: Settings,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened_registry(settings) as (registry, _):
        first = registry.get("depot@1")
        facts = replace(
            first.facts, metrics={ABSTAINING: {"token": 57, "bias": 0.5, "evidence": 1.0, "wrongly": 0.25}}
        )
        registry.register(tmp_path / "first", name="depot", facts=facts, author="me")

    def as_if_it_knew(
        run: Path, base: BaseModel, asked: Sequence[Asked], *more: Any
    ) -> tuple[int, list[float]]:
        """The tiny model's own margins tell nothing, as they should."""
        token, margins = margins_of(run, base, asked, *more)
        return token, [
            margin + 9 * (not one.answerable) * knows for margin, one in zip(margins, asked, strict=True)
        ]

    monkeypatch.setattr("finetune.calibrating.fitting.LEAST", 2)
    monkeypatch.setattr("tandem.cli.calibrate_adapter.margins_of", as_if_it_knew)
    held = lines(tmp_path / "held.jsonl", range(8, 10))
    wish = RefreshWish("depot", held, "docs", "rag", (lines(tmp_path / "old.jsonl", range(8)),))
    refresh_adapter(settings, wish, OPTIONS, None, as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out)["candidate"] == "depot@3"
    with opened_registry(settings) as (registry, _):
        metrics = registry.get("depot@3").facts.metrics
    if not knows:
        assert "Not calibrated as depot@2 is" in said.err
        assert ABSTAINING not in metrics
        return
    assert abstaining_of(metrics) is not None
    assert metrics[ABSTAINING]["wrongly"] == 0.25


def test_what_cannot_be_refreshed_is_said_at_once(tmp_path: Path) -> None:
    held = lines(tmp_path / "held.jsonl", range(8, 10))
    settings = Settings(data_dir=tmp_path / "data")
    with pytest.raises(InvalidRequestError, match="learn from"):
        refresh_adapter(settings, RefreshWish("depot", held, "docs", "rag"), OPTIONS, None, as_json=True)
    with pytest.raises(NotFoundError):
        refresh_adapter(
            settings, RefreshWish("depot", held, "docs", "rag", (held,)), OPTIONS, None, as_json=True
        )


def test_a_successor_is_trained_as_the_version_before(tmp_path: Path) -> None:
    facts = AdapterFacts(base="b", base_hash="c", data_hash="d", parameters=TRAINED)
    version = AdapterVersion("depot", 1, facts, 4, {}, 1, datetime.now(UTC), "me", "")
    expected = TrainingOptions(rank=4, epochs=1.0, batch_size=4, dtype="fp32", targets=("q_proj",))
    assert options_of(version) == expected
