from pathlib import Path

import pytest

from tandem.errors import NotFoundError, SettingsError
from tandem.prompts import PromptLibrary
from tandem.recipes import builtin_recipes
from tandem.settings import AnswerSettings, EngineSettings, Settings


def settings(**engine: object) -> Settings:
    return Settings(engine=EngineSettings(**engine))


def test_the_champion_is_first_and_the_others_are_asked_for_by_name() -> None:
    book = builtin_recipes(settings(), PromptLibrary())
    assert book.models() == ["tandem", "tandem:base", "tandem:prompted", "tandem:rag"]
    assert book.of_model("tandem") == book.of_model("tandem:rag")


def test_an_adapter_brings_the_tuned_recipes() -> None:
    book = builtin_recipes(settings(adapters={"law": Path("law")}), PromptLibrary())
    assert book.of_model("tandem:hybrid").model == "law"
    assert book.of_model("tandem:hybrid").retrieval is not None
    assert book.of_model("tandem:tuned").retrieval is None


@pytest.mark.parametrize("model", ["tandem:nosuch", "gpt-4o", "rag", "tandem:", ""])
def test_an_unknown_model_is_not_found(model: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        builtin_recipes(settings(), PromptLibrary()).of_model(model)
    assert refusal.value.param == "model"


def test_a_champion_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="hybrid"):
        builtin_recipes(Settings(answer=AnswerSettings(champion="hybrid")), PromptLibrary())


def test_a_prompt_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="nosuch"):
        builtin_recipes(Settings(answer=AnswerSettings(prompt="nosuch")), PromptLibrary())


@pytest.mark.parametrize(
    "changed",
    [
        Settings(answer=AnswerSettings(passages=3)),
        Settings(answer=AnswerSettings(evidence=0.1)),
        Settings(answer=AnswerSettings(citing="keep")),
        Settings(answer=AnswerSettings(prompt="rag_numbered")),
        settings(model="hub:owner/other"),
    ],
)
def test_what_shapes_the_answer_shapes_the_version(changed: Settings) -> None:
    one = builtin_recipes(settings(), PromptLibrary())
    other = builtin_recipes(changed, PromptLibrary())
    assert one.of_model("tandem:rag").version != other.of_model("tandem:rag").version


def test_a_recipe_without_retrieval_does_not_depend_on_how_passages_are_found() -> None:
    one = builtin_recipes(settings(), PromptLibrary())
    other = builtin_recipes(Settings(answer=AnswerSettings(passages=3)), PromptLibrary())
    assert one.of_model("tandem:base").version == other.of_model("tandem:base").version
