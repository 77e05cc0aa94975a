"""Few-shot examples stand behind the system text, within the budget, static or picked by similarity."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from passages import passage

from server.answering.assemble import assemble
from server.answering.examples import pick_examples
from server.answering.types import Question
from server.example_set import ExampleSet
from tandem.embedding import Embedder, load_embedder
from tandem.errors import NotFoundError, SettingsError
from tandem.examples import Example, FewShot, read_examples
from tandem.settings import EmbeddingSettings
from tandem.vocabulary import Caller

ANSWER = 64
EXAMPLES = (
    Example(
        question="What does the pump weigh?",
        answer="It weighs nine kilograms.",
        passages=("The pump: 9 kg.",),
    ),
    Example(question="Who wrote the opera?", answer="Verdi wrote it."),
    Example(question="When is the library open?", answer="From nine to five."),
    Example(question="How do I clean the filter?", answer="With lukewarm water."),
)
ASKED = Question(Caller(), "tandem", "How is a dirty filter cleaned?")
PASSAGE = passage("The filter is cleaned every Monday with lukewarm water. " * 4)


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    embedder = load_embedder(EmbeddingSettings())
    yield embedder
    embedder.close()


def live(embedder: object) -> SimpleNamespace:
    @contextmanager
    def reading() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(embedder=embedder)

    return SimpleNamespace(reading=reading)


async def test_the_most_similar_examples_are_picked(embedder) -> None:
    few_shot = FewShot("x", 2, "similar")
    picked = await ExampleSet(EXAMPLES).pick(ASKED.text, few_shot, live(embedder))
    assert [example.answer for example in picked] == ["With lukewarm water.", "It weighs nine kilograms."]


async def test_static_examples_are_the_first_and_need_no_embedder() -> None:
    picked = await ExampleSet(EXAMPLES).pick(ASKED.text, FewShot("x", 2, "static"), live(None))
    assert picked == EXAMPLES[:2]


@pytest.mark.parametrize("prompt", ["rag", "rag_numbered", "prompted"])
def test_an_example_is_asked_as_the_prompt_asks(parts, prompt) -> None:
    made = parts(digest="x", prompt=prompt)
    messages = assemble(
        ASKED, made.recipes.of_model("tandem"), [PASSAGE], ANSWER, made, EXAMPLES[:2]
    ).messages
    assert [message["role"] for message in messages][:5] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert (
        messages[1]["content"].replace("The pump: 9 kg.", "").strip() != EXAMPLES[0].question
        or prompt == "prompted"
    )
    assert EXAMPLES[0].question in messages[1]["content"]
    assert messages[2]["content"] == EXAMPLES[0].answer
    assert ASKED.text in messages[-1]["content"]
    assert EXAMPLES[0].question not in messages[-1]["content"]


def test_what_is_static_is_the_same_in_every_request_to_the_byte(parts) -> None:
    made = parts(digest="x")
    one, other = (
        assemble(asked, made.recipes.of_model("tandem"), found, ANSWER, made, EXAMPLES).messages
        for asked, found in [(ASKED, [PASSAGE]), (Question(Caller(), "tandem", "Who?"), [])]
    )
    assert one[:-1] == other[:-1]
    assert len(one) == 2 + 2 * len(EXAMPLES)


def test_the_most_similar_stands_next_to_the_question(parts) -> None:
    made = parts(digest="x", examples_picked="similar")
    messages = assemble(ASKED, made.recipes.of_model("tandem"), [], ANSWER, made, EXAMPLES).messages
    assert messages[-2]["content"] == EXAMPLES[0].answer


@settings(max_examples=60, deadline=None)
@given(
    context=st.integers(512, 1_200),
    lengths=st.lists(st.integers(1, 150), max_size=8),
    found=st.integers(0, 8),
)
def test_examples_never_push_the_question_or_the_best_passage_out(parts, context, lengths, found) -> None:
    made = parts(context=context, digest="x")
    examples = tuple(
        Example(question=f"Example {n}?", answer="word " * length, passages=("text " * length,))
        for n, length in enumerate(lengths)
    )
    recipe = made.recipes.of_model("tandem")
    done = assemble(ASKED, recipe, [PASSAGE] * found, ANSWER, made, examples)
    assert made.tokens.count_chat(done.messages) + ANSWER <= context
    assert ASKED.text in done.messages[-1]["content"]
    assert bool(done.passages) == bool(found)
    shown = (len(done.messages) - 2) // 2
    assert [message["content"].strip() for message in done.messages[2:-1:2]] == [
        example.answer.strip() for example in examples[:shown]
    ]


async def test_a_recipe_made_with_other_examples_is_not_answered_without_them(parts) -> None:
    made = parts(digest="0123456789ab")
    made.examples = ExampleSet(EXAMPLES)
    with pytest.raises(NotFoundError, match="0123456789ab"):
        await pick_examples(ASKED, made.recipes.of_model("tandem"), made)
    assert await pick_examples(ASKED, made.recipes.of_model("tandem:base"), made) == ()


def test_other_examples_make_another_recipe(parts) -> None:
    versions = {parts(digest=digest).recipes.of_model("tandem").version for digest in (None, "a", "b")}
    assert len(versions) == 3


def test_examples_are_read_from_lines_of_json(tmp_path: Path) -> None:
    file = tmp_path / "examples.jsonl"
    file.write_text("".join(f"{example.model_dump_json()}\n\n" for example in EXAMPLES))
    assert read_examples(file) == EXAMPLES


@pytest.mark.parametrize(
    ("line", "said"), [("{", "line 2"), ('{"question": "a"}', "answer"), ('{"q": 1}', "line 2")]
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "examples.jsonl"
    file.write_text(f"{EXAMPLES[0].model_dump_json()}\n{line}\n")
    with pytest.raises(SettingsError, match=said):
        read_examples(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nosuch\.jsonl"):
        read_examples(tmp_path / "nosuch.jsonl")
