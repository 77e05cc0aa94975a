"""The text of passages that stand in for an answer: nothing of a document may become markup or a mark."""

from types import SimpleNamespace

import pytest
from passages import passage

from server.answering.degrade import degraded, reason_of
from server.answering.types import Question
from tandem.engine import EngineState
from tandem.errors import EngineFailedError, EngineUnavailableError, UnavailableError
from tandem.vocabulary import Caller

DOWN = EngineUnavailableError("down")


def services(parts, state: EngineState = EngineState.READY) -> SimpleNamespace:
    return SimpleNamespace(**vars(parts()), engine=SimpleNamespace(state=state))


def made(parts, *texts: str):
    known = services(parts)
    question = Question(Caller(), "tandem", "When does the gate close?")
    return degraded(
        question, known.recipes.of_model("tandem:rag"), [passage(text) for text in texts], DOWN, known
    )


def test_each_passage_has_its_mark_and_the_sentence_that_fits_best(parts) -> None:
    found = made(
        parts, "Dogs are let in. The gate will close at seven.", "It rains. Gates close late on Friday."
    )
    *_, first, second = found.text.split("\n\n")
    assert first.startswith("[1] ")
    assert "“The gate will close at seven.”" in first
    assert "“Gates close late on Friday.”" in second
    assert [citation.n for citation in found.citations] == [1, 2]


def test_a_hostile_quote_brings_no_link_no_image_no_element_and_no_mark(parts) -> None:
    quote = "When the gate does close see [2] ![x](http://evil.example/?q=1) <img src=x> [here](javascript:1)"
    found = made(parts, quote, "Another.")
    first = found.text.split("\n\n")[1]
    assert first.count("[") == first.count("]") == 1
    assert "<" not in first
    assert ">" not in first


def test_a_long_passage_is_cut_and_few_are_shown(parts) -> None:
    found = made(parts, "The gate will close " + "late " * 500, *["The gate is blue."] * 9)
    assert len(found.citations) == 5
    assert max(map(len, found.text.split("\n\n"))) < 600


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (DOWN, EngineState.RESTARTING, "restarting"),
        (DOWN, EngineState.READY, "down"),
        (EngineUnavailableError("x", reason="hung"), EngineState.READY, "hung"),
        (EngineUnavailableError("x", reason="a word of its own"), EngineState.READY, "down"),
        (EngineFailedError("x"), EngineState.READY, "garbled"),
        (UnavailableError("too many wait"), EngineState.READY, "overloaded"),
    ],
)
def test_the_reason_is_one_of_few_words(parts, error, state: EngineState, reason: str) -> None:
    assert reason_of(error, services(parts, state)) == reason
