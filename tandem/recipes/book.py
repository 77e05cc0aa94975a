"""All recipes that can be asked for: those of the settings and those that were saved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock

from tandem.errors import NotFoundError, SettingsError, StorageError
from tandem.recipes.recipe import BUILTIN, MODEL, Recipe, recipe_of
from tandem.store import ChampionChange, RecipeVersion, Store

_SHORTEST_HASH = 8


@dataclass(frozen=True, slots=True)
class SavedRecipe:
    """A recipe with its place in the history of its name."""

    recipe: Recipe
    number: int


@dataclass(frozen=True, slots=True)
class _Shelf:
    """What is known at one moment; it is replaced as a whole, so that nobody sees half of a change."""

    saved: Mapping[str, tuple[SavedRecipe, ...]] = field(default_factory=dict)
    """Oldest version first."""
    last_id: int = 0
    champion: ChampionChange | None = None


class RecipeBook:
    """The recipes of one process. Looking one up asks no database; `follow` brings what others have saved."""

    def __init__(self, recipes: list[Recipe], champion: str) -> None:
        self.builtin = {recipe.name: recipe for recipe in recipes}
        if champion not in self.builtin:
            raise SettingsError(
                f"answer.champion is {champion!r}, which is not a recipe here",
                param="answer.champion",
                hint=f"Known: {', '.join(self.builtin)}. "
                "`tuned` and `hybrid` need an adapter: tandem adapters tag NAME@N champion, or engine.adapters.",
            )
        self.initial = champion
        self._shelf = _Shelf()
        self._following = Lock()

    @property
    def champion(self) -> str:
        """The champion's name, with its version where it is one that was saved."""
        change = self._shelf.champion
        return change.label if change else self.initial

    def names(self) -> list[str]:
        """Names of all recipes, those of the settings first."""
        return [*self.builtin, *sorted(self._shelf.saved.keys() - set(BUILTIN))]

    def models(self) -> list[str]:
        """Names for `GET /v1/models`, the champion first."""
        return [MODEL, *(f"{MODEL}:{name}" for name in self.names())]

    def of_model(self, model: str) -> Recipe:
        """The recipe behind a model name. Raises `NotFoundError` for a name that there is not."""
        if model == MODEL:
            return self._find(self._shelf, self.champion, "model")
        prefix, _, label = model.partition(":")
        if prefix != MODEL:
            raise NotFoundError(
                f"There is no model {model!r}", param="model", hint=f"Known: {', '.join(self.models())}."
            )
        return self._find(self._shelf, label, "model")

    def find(self, label: str) -> Recipe:
        """The recipe called `NAME` or `NAME@VERSION`; a version is a number or the first digits of a hash.

        Raises `NotFoundError`.
        """
        return self._find(self._shelf, label, "recipe")

    def history(self, name: str) -> tuple[SavedRecipe, ...]:
        """The versions of a recipe that are in the store, oldest first."""
        return self._shelf.saved.get(name, ())

    def take_builtin(self, recipes: Mapping[str, Recipe]) -> None:
        """Let other recipes be those of the settings, all in one step."""
        self.builtin = dict(recipes)

    def follow(self, store: Store, has_model: Callable[[str], bool] = lambda model: True) -> Recipe | None:
        """Take over what was saved since the last time, by whatever process. Blocking; any thread may call.

        A new champion is one only when `has_model` says that its model can be asked; until then the one before
        goes on to serve, and the new one is what this gives.

        Raises `StorageError` for a recipe that is not what was saved, `NotFoundError` for a champion that is
        not known here, and what the store raises.
        """
        with self._following:
            shelf = self._shelf
            fresh = store.recipes_after(shelf.last_id)
            change = store.champion_change()
            if not fresh and change == shelf.champion:
                return None
            saved = dict(shelf.saved)
            for row in fresh:
                saved[row.name] = (*saved.get(row.name, ()), SavedRecipe(_checked(row), row.number))
            last_id = fresh[-1].id if fresh else shelf.last_id
            new = _Shelf(saved, last_id, change)
            if change is not None:
                # The one before goes on to serve where this process does not know the new one.
                try:
                    recipe = self._find(new, change.label, "recipe")
                except NotFoundError as error:
                    self._shelf = replace(new, champion=shelf.champion)
                    raise NotFoundError(
                        f"The champion {change.label!r} is not a recipe of these settings",
                        param="recipe",
                        hint="Make another one it with tandem recipes champion NAME, or set what it needs.",
                    ) from error
                if change != shelf.champion and not has_model(recipe.model):
                    self._shelf = replace(new, champion=shelf.champion)
                    return recipe
            self._shelf = new
            return None

    def _find(self, shelf: _Shelf, label: str, param: str) -> Recipe:
        name, at, version = label.partition("@")
        if not at and name in self.builtin:
            return self.builtin[name]
        versions = shelf.saved.get(name, ())
        if versions and not at and name not in BUILTIN:
            return versions[-1].recipe
        for one in reversed(versions):
            by_hash = len(version) >= _SHORTEST_HASH and one.recipe.hash.startswith(version)
            if by_hash or str(one.number) == version:
                return one.recipe
        if name in self.builtin and len(version) >= _SHORTEST_HASH:
            recipe = self.builtin[name]
            if recipe.hash.startswith(version):
                return recipe
        what = f"There is no {param} {MODEL + ':' if param == 'model' else ''}{label!r}"
        known = f"Its newest version is {versions[-1].number}." if versions else ""
        raise NotFoundError(
            what,
            param=param,
            hint=known or f"Known: {', '.join(self.models() if param == 'model' else self.names())}.",
        )


def _checked(row: RecipeVersion) -> Recipe:
    recipe = recipe_of(row.definition, row.template)
    if recipe.hash != row.hash or recipe.prompt_hash != row.prompt_hash or recipe.name != row.name:
        raise StorageError(
            f"The recipe {row.name}@{row.number} is not what was saved: it does not have its hash",
            hint="Somebody has changed the database; restore it from a backup.",
        )
    return recipe
