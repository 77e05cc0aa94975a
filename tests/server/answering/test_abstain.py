"""Whether the model is asked, and with which bias towards "I don't know"."""

from dataclasses import replace

import pytest

from server.answering.abstain import inclined, is_supported
from server.answering.types import Question
from tandem.abstention import Abstaining
from tandem.recipes import Recipe
from tandem.vocabulary import Caller, Chunk, Passage

QUESTION = Question(Caller(), "tandem:rag", "When does the gate close?")
JSON = replace(QUESTION, response_format={"type": "json_object"})
READY = Abstaining(token=57, bias=-1.0, evidence=0.5)


@pytest.fixture
def recipe(parts) -> Recipe:
    made: Recipe = parts(evidence=0.3).recipes.of_model("tandem:rag")
    return made


@pytest.fixture
def passages() -> list[Passage]:
    chunk = Chunk(
        id="c", tenant="default", corpus="default", document_id="d", version="1", ordinal=0, text="At ten.",
        start=0, end=7, title="", uri="a.md",
    )  # fmt: skip
    return [Passage(chunk, score=1.0, similarity=0.5)]


def test_below_the_threshold_of_the_evidence_the_model_is_not_asked(
    recipe: Recipe, passages: list[Passage]
) -> None:
    assert is_supported(QUESTION, recipe, passages, 0.3)
    assert not is_supported(QUESTION, recipe, passages, 0.29)
    assert not is_supported(QUESTION, recipe, [], 0.9)
    assert is_supported(QUESTION, replace(recipe, retrieval=None), [], None)


def test_a_model_that_counts_the_evidence_in_is_asked_whatever_it_is(
    recipe: Recipe, passages: list[Passage]
) -> None:
    weighing = replace(recipe, abstaining=READY)
    assert is_supported(QUESTION, weighing, passages, 0.01)
    assert not is_supported(QUESTION, weighing, [], None)


def test_weak_evidence_inclines_it_to_abstain_and_strong_evidence_to_answer(recipe: Recipe) -> None:
    weighing = replace(recipe, abstaining=READY)
    weak, strong = (inclined(QUESTION, weighing, recipe.sampling, evidence) for evidence in (0.05, 0.95))
    assert weak.logit_bias == ((57, READY.bias_for(0.05)),)
    assert strong.logit_bias == ((57, READY.bias_for(0.95)),)
    assert weak.logit_bias[0][1] > 0 > strong.logit_bias[0][1]
    assert replace(weak, logit_bias=()) == recipe.sampling


def test_without_a_calibrated_adapter_nothing_is_added(recipe: Recipe) -> None:
    assert inclined(QUESTION, recipe, recipe.sampling, 0.05) == recipe.sampling


def test_json_begins_otherwise_so_the_threshold_decides_there(
    recipe: Recipe, passages: list[Passage]
) -> None:
    weighing = replace(recipe, abstaining=READY)
    assert inclined(JSON, weighing, recipe.sampling, 0.05) == recipe.sampling
    assert not is_supported(JSON, weighing, passages, 0.05)
