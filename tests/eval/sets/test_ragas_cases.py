"""Ragas's test-set generation over Tandem's chunks; the model is a fake, all else is Ragas."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_generator import fake_answer
from passages import passage

from eval.sets.kept_replies import KeptReplies
from eval.sets.ragas_generating import ragas_cases
from eval.sets.ragas_model import NoAnswerError, OwnEmbedding, StructuredModel
from tandem.errors import EngineFailedError, EngineUnavailableError, StorageError
from tandem.prompts import Message
from tandem.vocabulary import Passage

Ask = Callable[[list[Message], dict[str, Any]], Awaitable[str]]
NAMES = ["Quorvex", "Tarnholt", "Brindle", "Ostrava", "Velmora", "Kestrin"]


def chunk(n: int) -> Passage:
    other = NAMES[(n + 1) % len(NAMES)]
    text = f"The {NAMES[n]} gate closes at {n}. Deliveries from {other} wait outside {'very ' * n}long."
    made = passage(text, ordinal=n)
    return replace(made, chunk=replace(made.chunk, uri=f"{NAMES[n]}.md"))


def embed(texts: list[str]) -> Any:
    return np.full((len(texts), 4), 0.5, dtype=np.float32)


def generate(file: Path, ask: Ask, wanted: int = 8) -> Any:
    with KeptReplies(file) as replies:
        model = StructuredModel(ask, "big", replies)
        chunks = [chunk(n) for n in range(len(NAMES))]
        moves: list[tuple[int, int]] = []
        made = asyncio.run(
            ragas_cases(chunks, wanted, model, OwnEmbedding(embed), 0, lambda *move: moves.append(move))
        )
        assert moves[-1][0] == moves[-1][1]
        return made


class FakeModel:
    """Counts what it is asked, and fails where it is told to."""

    def __init__(self, fails: Callable[[str, str], str | None] = lambda prompt, form: None) -> None:
        self.asked: list[str] = []
        self._fails = fails

    async def __call__(self, messages: list[Message], response_format: dict[str, Any]) -> str:
        form = response_format["json_schema"]["name"]
        self.asked.append(form)
        prompt = messages[0]["content"]
        broken = self._fails(prompt[prompt.rindex("input: ") :], form)
        return fake_answer(prompt, response_format) if broken is None else broken


def test_questions_of_one_and_of_several_chunks_name_their_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(self: socket.socket, address: object) -> None:
        raise AssertionError(f"Ragas calls {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    cases, dropped = generate(tmp_path / "replies", FakeModel())
    kinds = [case.tags[1] for case, _ in cases]
    assert {"single-hop", "multi-hop"} == set(kinds)
    for case, shown in cases:
        assert (len(case.documents) > 1) == ("multi-hop" in case.tags)
        assert all(f"{uri}: The" in shown for uri in case.documents)
        assert case.references[0].startswith(("The", "<1-hop>"))
        assert case.tags[0] == "generated"
        assert case.tags[2].startswith("style:")
    assert len({case.id for case, _ in cases}) == len(cases) <= 8
    assert set(dropped) <= {"it was asked before"}


def of_chunks(model: FakeModel) -> int:
    """How often the model was asked about a chunk by itself, which is most of what a generation costs."""
    return sum(form in ("StringIO", "ThemesAndConcepts", "NEROutput") for form in model.asked)


def test_what_was_asked_once_is_not_asked_again(tmp_path: Path) -> None:
    first, again = FakeModel(), FakeModel()
    generate(tmp_path / "replies", first)
    assert len(generate(tmp_path / "replies", again)[0]) >= 5
    assert (of_chunks(first), of_chunks(again)) == (3 * len(NAMES), 0)


def test_a_chunk_of_which_the_model_says_nothing_is_left_out_and_counted(tmp_path: Path) -> None:
    def fails(given: str, form: str) -> str | None:
        return "no idea" if form == "NEROutput" and "Brindle gate" in given else None

    model = FakeModel(fails)
    cases, dropped = generate(tmp_path / "replies", model)
    assert dropped["of a chunk the model gave no entities"] == 1
    assert model.asked.count("NEROutput") == len(NAMES) + 2
    assert all("Brindle.md" not in case.documents for case, _ in cases)


def test_a_question_that_the_model_does_not_write_is_counted(tmp_path: Path) -> None:
    cases, dropped = generate(
        tmp_path / "replies",
        FakeModel(lambda given, form: "{}" if form == "GeneratedQueryAnswer" else None),
    )
    assert cases == []
    assert dropped["the model wrote no question"] >= 6


def test_a_model_that_is_too_small_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(EngineFailedError, match="6: of a chunk the model gave no summary") as caught:
        generate(tmp_path / "replies", FakeModel(lambda given, form: "Sure! Here is"))
    assert "without --ragas" in str(caught.value.hint)


def test_an_engine_that_goes_away_ends_it_and_what_it_said_is_kept(tmp_path: Path) -> None:
    model = FakeModel()

    async def dying(messages: list[Message], response_format: dict[str, Any]) -> str:
        if len(model.asked) == 15:
            raise EngineUnavailableError("The engine is down")
        return await model(messages, response_format)

    with pytest.raises(EngineUnavailableError):
        generate(tmp_path / "replies", dying)
    again = FakeModel()
    generate(tmp_path / "replies", again)
    assert (len(model.asked), of_chunks(again)) == (15, 3 * len(NAMES) - 15)


def test_half_a_line_of_replies_is_passed_over_and_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "replies"
    with KeptReplies(file) as replies:
        replies.keep("yes\n", "a", 1)
    file.write_text(file.read_text() + '{"half')
    with KeptReplies(file) as replies:
        assert (replies.get("a", 1), replies.get("a", 2)) == ("yes\n", None)
        replies.keep("no", "b")
    with KeptReplies(file) as replies:
        assert replies.get("b") == "no"
    file.write_text("what is this\n")
    with pytest.raises(StorageError, match="cannot be used"):
        KeptReplies(file)


def test_an_answer_in_words_around_its_json_is_taken(tmp_path: Path) -> None:
    from ragas.testset.persona import Persona

    answers = ["nothing", 'Here: {"name": "Ada", "role_description": "asks"} - done']

    async def ask(messages: list[Message], response_format: dict[str, Any]) -> str:
        assert json.loads(json.dumps(response_format))["type"] == "json_schema"
        return answers.pop(0)

    with KeptReplies(tmp_path / "replies") as replies:
        found = asyncio.run(StructuredModel(ask, "m", replies).agenerate("Who?", Persona))
        assert found.name == "Ada"
        answers[:] = ["x", "y", "z"]
        with pytest.raises(NoAnswerError, match="no Persona: 'z'"):
            asyncio.run(StructuredModel(ask, "m", replies).agenerate("Who else?", Persona))
