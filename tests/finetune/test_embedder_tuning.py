"""A whole tuning with a real, random model: it learns, keeps what is better, and leaves nothing where it fails."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from tiny_embedder import SIZE, tiny_embedder

from finetune.embedder import TuningOptions, pair_up, read_asked, split_pairs, tune
from finetune.embedder.keeping import write_folder
from finetune.embedder.model import embed, load_model, mixed, set_weights, weights_of
from finetune.embedder.training import Lesson, Trainer
from ingest import Upload
from ingest.reindexing import wish_of
from tandem.cli.local import local_worker
from tandem.cli.reindex import reindex_all
from tandem.cli.tune_embedder import Wish, list_embedders, tune_embedder
from tandem.embedding import load_embedder
from tandem.embedding.embedder import Prompts
from tandem.embedding.registered import embedder_versions, find_embedder, registered_folder
from tandem.errors import (
    ConflictError,
    InvalidRequestError,
    ModelSourceError,
    NotFoundError,
    TooFewExamplesError,
)
from tandem.index import Fusion
from tandem.settings import EmbeddingSettings, Settings
from tandem.store import open_store
from tandem.vocabulary import Caller, Chunk

_COLOURS = ("red", "green", "blue", "black", "white", "brown", "pink", "grey")
_THINGS = ("pump", "tank", "valve", "motor", "wheel", "lamp")
OPTIONS = TuningOptions(
    epochs=2, lr=2e-3, batch_size=12, mini_batch=6, haystack=48, least=8, mix=(0.5,), validation_share=0.3
)


def documents() -> dict[str, str]:
    return {
        f"{thing}.md": "\n\n".join(
            f"# Model {n}\n\nThe {thing} of model {n} is painted {colour} in the works, and then it is dried."
            for n, colour in enumerate(_COLOURS)
        )
        for thing in _THINGS
    }


def write_questions(file: Path) -> Path:
    lines = [
        {
            "question": f"Which colour has the {thing} of model {n}?",
            "answers": [f"{thing} of model {n} is painted {colour}"],
            "doc_ids": [f"{thing}.md"],
        }
        for thing in _THINGS
        for n, colour in enumerate(_COLOURS)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedder(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def settings(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A data folder with a corpus that the tiny embedder has indexed."""
    embedding = EmbeddingSettings(model=str(base), backend="torch", dtype="float32")
    found = Settings(data_dir=tmp_path_factory.mktemp("data"), embedding=embedding)

    async def ingest() -> None:
        async with local_worker(found) as (ingestor, _):
            for name, text in documents().items():
                await ingestor.ingest(Caller(), "works", Upload(name, name, text.encode()))

    asyncio.run(ingest())
    return found


def chunks() -> list[Chunk]:
    return [
        Chunk(
            f"00000000-0000-0000-0000-{len(_COLOURS) * place + n:012}", "default", "works", name, "v1", n, part,
            0, len(part), name, name,
        )
        for place, (name, text) in enumerate(documents().items())
        for n, part in enumerate(text.split("# Model ")[1:])
    ]  # fmt: skip


def wish(tmp_path: Path, **other: object) -> Wish:
    usual = Wish("works", write_questions(tmp_path / "questions.jsonl"), None, None, "works", None, "first")
    return replace(usual, **other)  # type: ignore[arg-type]


def test_a_tuned_embedder_is_registered_listed_and_taken_into_use(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune_embedder(settings, wish(tmp_path), OPTIONS, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["ref"] == "works@1"
    assert said["after"]["dense"]["mrr"] > said["before"]["dense"]["mrr"]
    assert (said["best_epoch"] > 0, said["train_pairs"], said["questions_left_out"]) == (True, 32, 0)

    (version,) = embedder_versions(settings.data_dir)
    assert (version.note, version.facts.base) == ("first", settings.embedding.model)
    assert "model.safetensors" in version.files
    assert "recall@5" in (registered_folder(settings.data_dir, "works@1") / "card.md").read_text()
    list_embedders(settings, as_json=False)
    assert "works@1" in capsys.readouterr().out

    reindex_all(settings, wish_of(settings, "works@1", "", ""), resume=False, as_json=True)
    with closing(open_store(settings.store, settings.data_dir)) as store:
        active = store.active_collection()
    assert active is not None
    assert (active.embedding["model"], active.fingerprint) == ("works@1", version.facts.fingerprint)


def test_an_unknown_version_is_refused_before_anything_is_embedded(settings: Settings) -> None:
    with pytest.raises(NotFoundError, match="nothing@7"):
        wish_of(settings, "nothing@7", "", "")


def test_openvino_computes_a_tuned_folder_as_torch_does(base: Path, tmp_path: Path) -> None:
    model = load_model(base)
    pairs = pair_up(read_asked(write_questions(tmp_path / "q.jsonl")), chunks())
    options = replace(OPTIONS, epochs=1, mix=())
    tune(model, chunks(), split_pairs(pairs, 0.3, 0), Prompts(), Fusion(), options)
    folder = tmp_path / "tuned"
    model.save_pretrained(str(folder), create_model_card=False)
    wanted = EmbeddingSettings(model=str(folder), backend="openvino", dtype="float32")
    with closing(load_embedder(wanted, tmp_path)) as embedder:
        found = embedder.embed_documents(["The pump is blue."])
    assert found.shape == (1, SIZE)
    assert float((found @ embed(model, ["The pump is blue."], "").T).item()) > 0.999


def test_the_same_seed_gives_the_same_weights(base: Path, tmp_path: Path) -> None:
    pairs = pair_up(read_asked(write_questions(tmp_path / "q.jsonl")), chunks())
    ends = []
    for _ in range(2):
        model = load_model(base)
        options = replace(OPTIONS, epochs=1, mix=(), matryoshka=(32, 16))
        tune(model, chunks(), split_pairs(pairs, 0.3, 0), Prompts(), Fusion(), options)
        ends.append(weights_of(model))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_the_base_is_left_as_it_was_where_no_epoch_is_better(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # So small a rate changes no vector in the digits that ranks depend on.
    options = replace(OPTIONS, lr=1e-8, epochs=1)
    before = embedder_versions(settings.data_dir)
    with pytest.raises(typer.Exit):
        tune_embedder(settings, wish(tmp_path), options, as_json=False)
    assert "nothing was kept" in capsys.readouterr().out
    assert embedder_versions(settings.data_dir) == before


def test_numbers_that_run_away_end_it_and_nothing_is_registered(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = Trainer._learn

    def fake_learn(self: Trainer, batch: list[Lesson], epoch: int) -> float:
        with torch.no_grad():
            next(self._model.parameters()).fill_(float("nan"))
        return learn(self, batch, epoch)

    monkeypatch.setattr(Trainer, "_learn", fake_learn)
    with pytest.raises(InvalidRequestError, match="the loss is not a finite number"):
        tune_embedder(settings, wish(tmp_path, name="astray"), OPTIONS, as_json=True)
    assert embedder_versions(settings.data_dir, "astray") == []


def test_too_few_pairs_and_answers_in_no_chunk_are_told_apart(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(TooFewExamplesError, match="32 questions to train on"):
        tune_embedder(settings, wish(tmp_path), replace(OPTIONS, least=500), as_json=True)
    nowhere = tmp_path / "nowhere.jsonl"
    nowhere.write_text('{"question": "Why?", "answers": ["because of the moon"]}\n')
    with pytest.raises(TooFewExamplesError, match="No question has its answer in a chunk"):
        tune_embedder(settings, wish(tmp_path, questions=nowhere), OPTIONS, as_json=True)


def test_a_base_that_cannot_be_loaded_is_named(settings: Settings, base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelSourceError, match="does not exist"):
        tune_embedder(settings, wish(tmp_path, base="/nowhere/at/all"), OPTIONS, as_json=True)
    damaged = tiny_embedder(tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelSourceError, match="cannot be loaded as a base"):
        load_model(damaged)


def test_one_source_of_questions_and_one_goal_are_named(settings: Settings, tmp_path: Path) -> None:
    for wrong in ({"training_set": tmp_path}, {"questions": None}, {"out": tmp_path / "x"}, {"name": None}):
        with pytest.raises(InvalidRequestError, match="Name either"):
            tune_embedder(settings, wish(tmp_path, **wrong), OPTIONS, as_json=True)


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "model.safetensors").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(tmp_path / "out", broken)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    with pytest.raises(ConflictError):
        write_folder(tmp_path / "out", broken)  # type: ignore[arg-type]


def test_ctrl_c_ends_a_tuning_with_nothing_left(settings: Settings, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "questions.jsonl")
    environment = os.environ | {
        "TANDEM_DATA_DIR": str(settings.data_dir),
        "TANDEM_EMBEDDING__MODEL": settings.embedding.model,
        "TANDEM_EMBEDDING__BACKEND": "torch",
    }
    command = [
        "finetune",
        "embedder",
        "--corpus",
        "works",
        "--questions",
        str(questions),
        "--name",
        "stopped",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "tandem", *command, "--epochs", "100", "--patience", "100"],
        stderr=subprocess.PIPE, text=True, env=environment,
        # What runs in the background of a shell has Ctrl-C switched off.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr is not None
    said = ""
    deadline = time.monotonic() + 240
    while "Epoch 1" not in said and time.monotonic() < deadline and process.poll() is None:
        said += process.stderr.readline()
    assert "Epoch 1" in said
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(60) == 130
    finally:
        process.kill()
    assert "Traceback" not in process.stderr.read()
    assert embedder_versions(settings.data_dir, "stopped") == []
    assert not (settings.data_dir / "embedders" / "stopped").exists()


def test_a_mixture_lies_between_base_and_tuned(base: Path) -> None:
    model = load_model(base)
    whole = weights_of(model)
    doubled = {name: 2 * one if one.is_floating_point() else one for name, one in whole.items()}
    set_weights(model, mixed(whole, doubled, 0.5))
    for name, one in weights_of(model).items():
        if one.is_floating_point():
            np.testing.assert_allclose(one.numpy(), 1.5 * whole[name].numpy(), rtol=1e-5)


def test_the_newest_of_a_name_is_meant_without_a_number(settings: Settings) -> None:
    assert find_embedder(settings.data_dir, "works").ref == "works@1"
