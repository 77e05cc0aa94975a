"""Recipes and prompts between the settings, the package and the store."""

from dataclasses import replace

from tandem.errors import ConflictError, InvalidRequestError
from tandem.prompts import PromptLibrary, check_name
from tandem.recipes.book import RecipeBook
from tandem.recipes.changing import RecipeChanges, changed
from tandem.recipes.models import abstaining_at, check_served, model_named
from tandem.recipes.recipe import ABSTAIN, ANSWER, BUILTIN, Recipe
from tandem.retrieval_profile import retrieval_profile
from tandem.settings import Settings
from tandem.store import ChampionChange, RecipeVersion, Store

_AUTHOR = "tandem"


def keep_builtin(book: RecipeBook, prompts: PromptLibrary, store: Store) -> None:
    """Let the store know the package's prompts and the settings' recipes, so that they have a history.

    What it knows already makes no version.
    """
    for name in prompts.names():
        store.save_prompt(name, prompts.text(name), _AUTHOR, "Comes with Tandem", known=True)
    for recipe in book.builtin.values():
        save_recipe(recipe, store, _AUTHOR, "Made of the settings", known=True)


def prompt_named(store: Store, label: str) -> tuple[str, str]:
    """Name and text of the prompt `NAME` or `NAME@VERSION`. Raises `NotFoundError`."""
    name, at, version = label.partition("@")
    found = store.prompt(name, version if at else None)
    return found.name, found.text


def derive(
    base: str,
    changes: RecipeChanges,
    name: str | None,
    book: RecipeBook,
    store: Store,
    settings: Settings,
    draft: tuple[str, str] | None = None,
) -> Recipe:
    """The recipe that is `base` with changes. `draft` is the name and text of a prompt that is not saved.

    Raises `NotFoundError`, `InvalidRequestError`.
    """
    prompt, parent = draft, book.find(base)
    if changes.prompt is not None:
        prompt = prompt_named(store, changes.prompt)
    if changes.model is not None:
        named = model_named(changes.model, settings.engine, store)
        changes = changes.model_copy(update={"model": named})
        parent = replace(parent, abstaining=abstaining_at(store, named))
    recipe = changed(parent, changes, prompt, retrieval_profile(settings), name)
    _check_route(recipe, book)
    check_served(recipe, settings.engine, store)
    return recipe


def _check_route(recipe: Recipe, book: RecipeBook) -> None:
    """A question is handed on once. Raises `NotFoundError` for a recipe that there is not, `InvalidRequestError` for
    the recipe itself.
    """
    if recipe.outside in (ANSWER, ABSTAIN):
        return
    if book.find(recipe.outside).name == recipe.name:
        raise InvalidRequestError(
            f"The recipe {recipe.name!r} cannot hand a question on to itself",
            param="outside",
            hint="Name another recipe, such as rag, or `abstain`.",
        )


def save_recipe(
    recipe: Recipe, store: Store, author: str, note: str = "", *, known: bool = False
) -> tuple[RecipeVersion, bool]:
    """Keep a recipe; gives its version, and whether that is a new one. Its prompt must be in the store."""
    prompt = (recipe.prompt, recipe.prompt_hash)
    return store.save_recipe(recipe.name, recipe.hash, recipe.definition(), prompt, author, note, known=known)


def check_recipe_name(name: str) -> None:
    """Raises `ConflictError` for the name of a recipe that the settings make."""
    check_name(name, "recipe")
    if name in BUILTIN:
        raise ConflictError(
            f"{name!r} is the name of a recipe that the settings make",
            param="name",
            hint="Give yours another name.",
        )


def set_champion(
    label: str,
    book: RecipeBook,
    store: Store,
    settings: Settings,
    *,
    author: str,
    reason: str,
    expected: str | None = None,
) -> ChampionChange:
    """Let the recipe `NAME` or `NAME@VERSION` be the champion.

    A recipe of the settings follows them; any other is held at the version that it has now. Raises
    `NotFoundError`, `InvalidRequestError` where the engine lacks its model, `ConflictError` as the store.
    """
    recipe = book.find(label)
    check_served(recipe, settings.engine, store)
    version = None if label in book.builtin else recipe.version
    return store.set_champion(
        recipe.name, version, author=author, reason=reason, initial=book.initial, expected=expected
    )
