"""The prompts that held-out questions bring, with their documents and without."""

from collections.abc import Sequence
from dataclasses import replace

from finetune.calibrating import ask_twice
from finetune.dataset.located import Located
from finetune.dataset.questions import SourceQuestion
from finetune.dataset.serving import Prompt, SourceDocument
from tandem.vocabulary import Chunk, Passage


class ScriptedServing:
    """Finds the chunk of each document that is not left out; the evidence is the share of chunks of `law`."""

    passages = 2

    def __init__(self, *documents: str) -> None:
        self._documents = documents

    async def retrieve(self, question: str, besides: frozenset[str], most: int) -> list[Passage]:
        left = [one for one in self._documents if one not in besides]
        return [
            Passage(
                Chunk(
                    id=f"{one}-0", tenant="default", corpus="c", document_id=one, version="1", ordinal=0,
                    text=f"All of {one}.", start=0, end=10, title="", uri=one,
                ),
                score=1.0,
                similarity=0.5,
            )
            for one in left[:most]
        ]  # fmt: skip

    async def evidence(self, question: str, passages: Sequence[Passage]) -> float:
        return sum(one.chunk.document_id == "law" for one in passages) / len(passages)

    def assemble(self, question: str, passages: Sequence[Passage]) -> Prompt:
        text = " ".join(one.chunk.text for one in passages)
        return Prompt(({"role": "user", "content": f"{text} {question}"},), tuple(passages))


def located(name: str, *documents: str) -> Located:
    sources = tuple(SourceDocument(one, frozenset((one,)), "", "") for one in documents)
    question = SourceQuestion(
        id=name, question=f"{name}?", answers=("yes",), documents=documents, answerable=bool(documents)
    )
    return Located(question, sources, "yes")


async def test_a_question_is_asked_with_its_documents_and_without_them() -> None:
    told: list[tuple[int, int]] = []
    asked = await ask_twice(
        [located("q", "law")], ScriptedServing("law", "tax", "port"), lambda *moved: told.append(moved)
    )
    assert [(one.id, one.answerable, one.evidence) for one in asked] == [
        ("q", True, 0.5),
        ("q without", False, 0.0),
    ]
    assert asked[0].messages[0]["content"] == "All of law. All of tax. q?"
    assert asked[1].messages[0]["content"] == "All of tax. All of port. q?"
    assert told == [(1, 1)]


async def test_a_question_that_has_no_answer_is_asked_once() -> None:
    asked = await ask_twice([located("q")], ScriptedServing("law"), lambda *_: None)
    assert [(one.id, one.answerable) for one in asked] == [("q", False)]


async def test_a_question_that_another_document_answers_is_asked_with_its_own_alone() -> None:
    one = located("q", "law")
    marked = replace(one, question=one.question.model_copy(update={"elsewhere": True}))
    asked = await ask_twice([marked], ScriptedServing("law", "tax"), lambda *_: None)
    assert [one.id for one in asked] == ["q"]


async def test_where_nothing_is_found_the_model_is_not_asked() -> None:
    asked = await ask_twice([located("q", "law")], ScriptedServing("law"), lambda *_: None)
    assert [one.id for one in asked] == ["q"]
