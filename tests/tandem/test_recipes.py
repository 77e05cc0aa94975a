from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from tandem.abstention import Abstaining
from tandem.engine import Sampling
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError, SettingsError, StorageError
from tandem.prompts import PromptLibrary
from tandem.recipes import Recipe, RecipeBook, RecipeChanges, RetrievalProfile, builtin_recipes, recipe_of
from tandem.recipes.keeping import check_recipe_name, derive, keep_builtin, save_recipe, set_champion
from tandem.retrieval_profile import Reranking
from tandem.settings import AnswerSettings, EngineSettings, RetrievalSettings, Settings
from tandem.store import Store
from tandem.store.recipe_schema import prompt_versions, recipe_versions

ASKS = '{% call message("user") %}{{ question }}{% endcall %}'


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


def test_the_calibrated_abstaining_of_an_adapter_is_hybrids_alone() -> None:
    ready = Abstaining(57, -1.0, 0.5)
    book = builtin_recipes(settings(), PromptLibrary(), adapter="law@1", abstaining=ready)
    plain = builtin_recipes(settings(), PromptLibrary(), adapter="law@1")
    assert book.of_model("tandem:hybrid").abstaining == ready
    assert book.of_model("tandem:hybrid").version != plain.of_model("tandem:hybrid").version
    for name in ("base", "prompted", "rag", "tuned"):
        assert book.of_model(f"tandem:{name}") == plain.of_model(f"tandem:{name}")


def test_an_adapter_of_the_settings_has_no_abstaining_of_another() -> None:
    made = settings(adapters={"law": Path("law")})
    book = builtin_recipes(made, PromptLibrary(), adapter="tax@1", abstaining=Abstaining(57, -1.0, 0.5))
    assert book.of_model("tandem:hybrid").abstaining is None


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


def opened(store: Store, made: Settings | None = None) -> RecipeBook:
    """What a process knows after its start."""
    prompts = PromptLibrary()
    book = builtin_recipes(made or settings(), prompts)
    keep_builtin(book, prompts, store)
    book.follow(store)
    return book


def save(store: Store, book: RecipeBook, name: str = "mine", base: str = "rag", **changes: object) -> Recipe:
    recipe = derive(base, RecipeChanges.model_validate(changes), name, book, store, settings())
    save_recipe(recipe, store, "ada")
    return recipe


def test_a_recipe_is_the_same_after_it_was_written_and_read() -> None:
    for recipe in builtin_recipes(settings(), PromptLibrary(), "digest").builtin.values():
        again = recipe_of(recipe.definition(), recipe.template)
        assert (again, again.version) == (recipe, recipe.version)


def test_a_recipe_that_knows_its_version_is_written_without_it_and_a_changed_one_has_another() -> None:
    recipe = builtin_recipes(settings(), PromptLibrary()).of_model("tandem:rag")
    version, written = recipe.version, recipe.definition()
    assert not {"hash", "version"} & written.keys()
    assert replace(recipe, outside="abstain").version != version == replace(recipe).version


def test_a_saved_recipe_keeps_its_version_from_one_release_to_the_next() -> None:
    """Fails where a default changes, or a new field has none: saved recipes would not be found again."""
    recipe = Recipe(
        name="n", prompt="p", prompt_version="0" * 12, template="t", model="m", weights="w",
        retrieval=RetrievalProfile(4, 0.35, 1_400, "verify", 0.5), sampling=Sampling(),
    )  # fmt: skip
    assert recipe.version == "0e5178d3b72f"
    assert replace(recipe, template="other").version == recipe.version
    assert replace(recipe, sampling=Sampling(temperature=0.1)).version != recipe.version


def test_a_process_starts_twice_without_a_new_version(store: Store) -> None:
    opened(store), opened(store)
    assert [row.number for row in store.recipes_after(0)] == [1, 1, 1]
    assert [prompt.author for prompt in store.prompts()] == ["tandem"] * len(PromptLibrary().names())


def test_a_recipe_is_made_of_another_with_changes(store: Store) -> None:
    book = opened(store)
    store.save_prompt("mine", ASKS, "ada")
    made = save(store, book, prompt="mine", temperature=0.2, retrieval={"passages": 8}, stop=["x"])
    rag = book.find("rag")
    assert (made.template, made.sampling.temperature, made.sampling.max_tokens) == (ASKS, 0.2, 160)
    assert made.retrieval == replace(rag.retrieval, passages=8)
    assert (made.sampling.stop, made.model) == (("x",), rag.model)
    assert save(store, book, "plain", retrieval=False).retrieval is None
    assert save(store, book, "found", base="base", retrieval={"passages": 2}).retrieval == replace(
        rag.retrieval, passages=2
    )


def test_what_is_not_named_within_a_part_of_the_profile_stays(store: Store) -> None:
    found = RetrievalSettings(
        reranker="cross_encoder", rerank_model="judge", rerank_deadline_ms=900, dense_weight=2.0, per_source=2
    )
    book = opened(store, Settings(retrieval=found, answer=AnswerSettings(rewrite_timeout_s=9.0)))
    parts = {
        "fusion": {"rrf_k": 60},
        "reranking": {"candidates": 10},
        "reading": {"mmr": 0.5},
        "rewriting": {"expand": "hyde", "prompts": [["hyde", "of the user's own making"]]},
    }
    made, before = save(store, book, retrieval=parts).retrieval, book.find("rag").retrieval
    assert made.fusion == replace(before.fusion, rrf_k=60)
    assert made.reranking == replace(before.reranking, candidates=10)
    assert made.reading == replace(before.reading, mmr=0.5)
    as_by_settings = opened(store, Settings(answer=AnswerSettings(rewrite_timeout_s=9.0, expand="hyde")))
    assert made.rewriting == as_by_settings.find("rag").retrieval.rewriting
    assert save(store, book, "bare", retrieval={"reranking": None}).retrieval.reranking is None
    light = save(store, book, "light", retrieval={"reranking": {"kind": "light"}})
    assert light.retrieval.reranking == Reranking()


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": "nosuch"}, "model"),
        ({"retrieval": {"nosuch": 1}}, "retrieval.nosuch"),
        ({"retrieval": {"passages": 0}}, "retrieval.passages"),
        ({"retrieval": {"calibration": "mine"}}, "retrieval.calibration"),
        ({"retrieval": {"fusion": {"candidates": 10**9}}}, "retrieval.candidates"),
        ({"retrieval": {"reranking": {"candidates": 10**9}}}, "retrieval.rerank_candidates"),
        ({"retrieval": {"reading": {"mmr": 7}}}, "retrieval.mmr"),
        ({"retrieval": {"rewriting": {"wordings": 10**6}}}, "retrieval.expand_wordings"),
        ({"retrieval": {"passages": "many"}}, "retrieval.passages"),
        ({"retrieval": {"leg": "nosuch"}}, "retrieval.leg"),
        ({"examples_shown": 2}, "examples_shown"),
    ],
)
def test_a_change_that_cannot_be_is_refused_by_name(store: Store, changes: dict, param: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        save(store, opened(store), **changes)
    assert refusal.value.param == param


def test_the_recipes_of_the_settings_keep_their_names() -> None:
    for name in ("rag", "tuned"):
        with pytest.raises(ConflictError):
            check_recipe_name(name)


def test_another_process_finds_what_was_saved_by_name_and_version(store: Store) -> None:
    mine, other = opened(store), opened(store)
    first = save(store, mine, temperature=0.1)
    second = save(store, mine, temperature=0.2)
    with pytest.raises(NotFoundError):
        other.of_model("tandem:mine")
    other.follow(store)
    assert other.models()[-1] == "tandem:mine"
    assert other.of_model("tandem:mine") == second
    for version in ("1", first.version, first.hash):
        assert other.of_model(f"tandem:mine@{version}") == first
    for version in ("", "3", "0", first.version[:7], "0" * 12):
        with pytest.raises(NotFoundError):
            other.of_model(f"tandem:mine@{version}")


def test_a_recipe_of_former_settings_is_found_by_its_version(store: Store) -> None:
    before = opened(store).find("rag")
    book = opened(store, Settings(answer=AnswerSettings(passages=9)))
    assert book.find("rag").version != before.version
    assert book.find(f"rag@{before.version}") == before == book.find("rag@1")


def test_a_new_champion_serves_in_every_process_and_is_held_at_its_version(store: Store) -> None:
    mine, other = opened(store), opened(store)
    first = save(store, mine, temperature=0.1)
    mine.follow(store)
    set_champion("mine", mine, store, settings(), author="ada", reason="")
    save(store, mine, temperature=0.2)
    other.follow(store)
    assert (other.champion, other.of_model("tandem")) == (f"mine@{first.version}", first)
    store.rollback_champion(author="ada", reason="")
    other.follow(store)
    assert other.of_model("tandem") == other.find("rag")


def test_a_champion_of_the_settings_follows_them(store: Store) -> None:
    book = opened(store)
    set_champion("base", book, store, settings(), author="ada", reason="")
    changed = opened(store, Settings(answer=AnswerSettings(answer_tokens=9)))
    assert changed.of_model("tandem") == changed.find("base")
    assert changed.of_model("tandem").sampling.max_tokens == 9


def test_a_champion_whose_model_is_not_here_is_refused(store: Store) -> None:
    law = settings(adapters={"law": Path("law")})
    book = opened(store, law)
    with pytest.raises(InvalidRequestError, match="law"):
        set_champion("hybrid", book, store, settings(), author="ada", reason="")
    set_champion("hybrid", book, store, law, author="ada", reason="")
    with pytest.raises(NotFoundError, match="hybrid"):
        opened(store)


def test_a_process_that_lacks_the_new_champion_goes_on_with_the_one_before(store: Store) -> None:
    law = settings(adapters={"law": Path("law")})
    with_law, without = opened(store, law), opened(store)
    set_champion("hybrid", with_law, store, law, author="ada", reason="")
    with pytest.raises(NotFoundError):
        without.follow(store)
    assert without.of_model("tandem") == without.find("rag")


@pytest.mark.parametrize("table", [recipe_versions, prompt_versions])
def test_a_recipe_that_was_changed_behind_tandem_is_not_served(store: Store, table: object) -> None:
    book = opened(store)
    save(store, book)
    evil = {"definition": {**book.find("rag").definition(), "name": "mine", "model": "evil"}}
    with store._writing() as connection:
        if table is recipe_versions:
            connection.execute(update(recipe_versions).where(recipe_versions.c.name == "mine").values(evil))
        else:
            connection.execute(update(prompt_versions).values(text="evil"))
    with pytest.raises(StorageError, match="hash"):
        book.follow(store)


def test_what_becomes_of_a_question_from_outside_changes_a_version_only_where_it_is_said() -> None:
    recipe = builtin_recipes(settings(), PromptLibrary()).of_model("tandem:rag")
    before = {key: value for key, value in recipe.definition().items() if key != "outside"}
    assert recipe_of(before, recipe.template).hash == recipe.hash
    assert replace(recipe, outside="abstain").hash != recipe.hash


def test_a_recipe_hands_a_question_on_to_another_that_there_is(store: Store) -> None:
    book = builtin_recipes(settings(), PromptLibrary())
    keep_builtin(book, PromptLibrary(), store)

    def made(outside: str, name: str) -> Recipe:
        return derive("base", RecipeChanges(outside=outside), name, book, store, settings())

    assert made("rag", "mine").outside == "rag"
    assert made("abstain", "mine").outside == "abstain"
    with pytest.raises(NotFoundError):
        made("nosuch", "mine")
    with pytest.raises(InvalidRequestError, match="itself"):
        made("base", "base")
