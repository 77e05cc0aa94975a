"""`/api/recipes` and `/api/champion`: ways to answer, and the one that serves."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from server.api.identity import evaluator_of, operator_of, services_of
from server.following import follow_recipes
from server.services import Services
from tandem.recipes import Recipe, RecipeChanges
from tandem.recipes.keeping import check_recipe_name, derive, save_recipe, set_champion
from tandem.store import ChampionChange
from tandem.threads import in_thread
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api", tags=["recipes"])

Name = Annotated[str, Path(max_length=64)]
Parts = Annotated[Services, Depends(services_of)]
Reader = Annotated[Caller, Depends(evaluator_of)]
Operator = Annotated[Caller, Depends(operator_of)]
_MOST_NOTE = 2_000
_MOST_LABEL = 130


class RecipeVersionBody(BaseModel):
    """A recipe; its `definition` is all that shapes the answer, the prompt by name and version."""

    name: str
    version: str
    """First digits of the hash over all that shapes the answer."""
    number: int | None
    """Its place in the history; none where the store does not have it yet."""
    builtin: bool
    """Whether the settings make it."""
    champion: bool
    definition: dict[str, Any]


class RecipeList(BaseModel):
    """Recipes, those of the settings first."""

    champion: str
    recipes: list[RecipeVersionBody]


class RecipeHistory(BaseModel):
    """The versions of a recipe, newest first."""

    versions: list[RecipeVersionBody]


class SaveRecipeBody(BaseModel):
    """A recipe to save: another one, `NAME` or `NAME@VERSION`, with changes."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    name: str
    base: str = Field(alias="from", max_length=_MOST_LABEL)
    changes: RecipeChanges = Field(default_factory=RecipeChanges)
    note: str = Field("", max_length=_MOST_NOTE)


class ChampionChangeBody(BaseModel):
    """A change of the champion; `label` is the recipe, with its version where it is held at one."""

    number: int
    label: str
    recipe: str
    version: str | None
    author: str
    reason: str
    changed_at: datetime


class ChampionBody(BaseModel):
    """The champion, and the changes that made it, newest first; none while it is that of the settings."""

    champion: str
    recipe: RecipeVersionBody
    history: list[ChampionChangeBody]


class SetChampionBody(BaseModel):
    """The recipe that is to serve. With `expected`, only if that is the champion now."""

    model_config = ConfigDict(extra="forbid")
    recipe: str = Field(max_length=_MOST_LABEL)
    reason: str = Field("", max_length=_MOST_NOTE)
    expected: str | None = Field(None, max_length=_MOST_LABEL)


class RollbackBody(BaseModel):
    """Why the champion before is to serve again."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field("", max_length=_MOST_NOTE)
    expected: str | None = Field(None, max_length=_MOST_LABEL)


@router.get("/recipes")
async def list_recipes(caller: Reader, services: Parts) -> RecipeList:
    """All recipes, each in its newest version."""
    book = services.recipes
    recipes = [recipe_body(book.find(name), services) for name in book.names()]
    return RecipeList(champion=book.champion, recipes=recipes)


@router.post("/recipes", status_code=201, responses={200: {"description": "The newest version says this"}})
async def save_new_recipe(
    body: SaveRecipeBody, response: Response, caller: Operator, services: Parts
) -> RecipeVersionBody:
    """Save a recipe that is made of another; one that says something else becomes a new version."""
    check_recipe_name(body.name)
    book, store = services.recipes, services.store
    recipe = await in_thread(derive, body.base, body.changes, body.name, book, store, services.settings)
    _, made = await in_thread(save_recipe, recipe, store, caller.subject, body.note)
    await in_thread(book.follow, store, services.adapters.is_everywhere)
    response.status_code = 201 if made else 200
    return recipe_body(recipe, services)


@router.get("/recipes/{name}")
async def get_recipe(name: Name, caller: Reader, services: Parts) -> RecipeVersionBody:
    """The newest version of a recipe."""
    return recipe_body(services.recipes.find(name), services)


@router.get("/recipes/{name}/versions")
async def recipe_history(name: Name, caller: Reader, services: Parts) -> RecipeHistory:
    """The versions of a recipe, newest first."""
    services.recipes.find(name)
    found = services.recipes.history(name)
    return RecipeHistory(versions=[recipe_body(one.recipe, services) for one in reversed(found)])


@router.get("/recipes/{name}/versions/{version}")
async def get_recipe_version(
    name: Name, version: Annotated[str, Path(max_length=64)], caller: Reader, services: Parts
) -> RecipeVersionBody:
    """One version: by its number, or the first digits of its hash (8 at least)."""
    return recipe_body(services.recipes.find(f"{name}@{version}"), services)


@router.get("/champion")
async def get_champion(caller: Reader, services: Parts) -> ChampionBody:
    """The recipe behind the model name `tandem`, and how it came to be."""
    return await _champion(services)


@router.put("/champion")
async def change_champion(body: SetChampionBody, caller: Operator, services: Parts) -> ChampionBody:
    """Let another recipe serve, in one step; requests that have begun end with the one they began with.

    Its adapter is loaded before; if it cannot be, the champion stays.
    """
    book, store = services.recipes, services.store
    await services.adapters.ensure(book.find(body.recipe).model)
    await in_thread(
        set_champion,
        body.recipe,
        book,
        store,
        services.settings,
        author=caller.subject,
        reason=body.reason,
        expected=body.expected,
    )
    await follow_recipes(services)
    return await _champion(services)


@router.post("/champion/rollback")
async def rollback_champion(body: RollbackBody, caller: Operator, services: Parts) -> ChampionBody:
    """Let the champion before serve again; once more, the one before that. Its adapter is loaded before."""
    await services.adapters.ensure(await _model_before(services))
    await in_thread(
        services.store.rollback_champion, author=caller.subject, reason=body.reason, expected=body.expected
    )
    await follow_recipes(services)
    return await _champion(services)


def recipe_body(recipe: Recipe, services: Services) -> RecipeVersionBody:
    """A recipe as it is sent."""
    book = services.recipes
    numbers = [one.number for one in book.history(recipe.name) if one.recipe == recipe]
    return RecipeVersionBody(
        name=recipe.name,
        version=recipe.version,
        number=numbers[-1] if numbers else None,
        builtin=book.builtin.get(recipe.name) == recipe,
        champion=book.find(book.champion) == recipe,
        definition=recipe.definition(),
    )


async def _champion(services: Services) -> ChampionBody:
    book = services.recipes
    history = await in_thread(services.store.champion_history)
    return ChampionBody(
        champion=book.champion,
        recipe=recipe_body(book.find(book.champion), services),
        history=[_change(one) for one in history],
    )


async def _model_before(services: Services) -> str:
    """The model of the champion that a rollback would bring back; the present one's where there is none."""
    book = services.recipes
    history = {one.number: one for one in await in_thread(services.store.champion_history)}
    now = history[max(history)] if history else None
    before = history.get(now.undoes_to) if now and now.undoes_to else None
    return book.find(before.label if before else book.champion).model


def _change(change: ChampionChange) -> ChampionChangeBody:
    return ChampionChangeBody.model_validate(change, from_attributes=True)
