"""`tandem recipes`: ways to answer, saved and shown, and the champion."""

from typing import Any

from rich.markup import escape

from tandem.cli.opened import author, opened_recipes
from tandem.cli.output import print_json, stdout
from tandem.recipes import Recipe, RecipeBook, RecipeChanges
from tandem.recipes.keeping import check_recipe_name, derive, set_champion
from tandem.recipes.keeping import save_recipe as keep
from tandem.settings import Settings
from tandem.store import ChampionChange


def list_recipes(settings: Settings, *, as_json: bool) -> None:
    """Print the newest version of every recipe; the champion is marked."""
    with opened_recipes(settings) as (book, _):
        recipes = [book.find(name) for name in book.names()]
        champion = book.find(book.champion)
    if as_json:
        print_json([_as_json(one) | {"champion": one == champion} for one in recipes])
        return
    for one in recipes:
        passages = f"{one.retrieval.passages} passages" if one.retrieval else "no retrieval"
        stdout.print(
            f"{'*' if one == champion else ' '} {one.name:<16}  {one.version}  {escape(one.prompt)}@"
            f"{one.prompt_version[:8]}  {escape(one.model)}  {passages}  "
            f"temperature {one.sampling.temperature:g}"
        )
    if champion not in recipes:
        stdout.print(f"* {champion.name}@{champion.version}")


def show_recipe(settings: Settings, label: str, *, as_json: bool) -> None:
    """Print all that shapes the answers of `NAME` or `NAME@VERSION`. Raises `NotFoundError`."""
    with opened_recipes(settings) as (book, _):
        recipe = book.find(label)
        versions = book.history(recipe.name)
    numbers = {one.recipe.version: one.number for one in versions}
    if as_json:
        print_json(_as_json(recipe) | {"versions": numbers})
        return
    for key, value in recipe.definition().items():
        stdout.print(f"{key:<16}  {escape(str(value))}")
    for version, number in numbers.items():
        stdout.print(f"{'version ' + str(number):<16}  {version}")


def save_recipe(settings: Settings, name: str, base: str, changes: RecipeChanges, note: str) -> None:
    """Save a recipe that is made of another. Raises as `derive`."""
    check_recipe_name(name)
    with opened_recipes(settings) as (book, store):
        recipe = derive(base, changes, name, book, store, settings)
        saved, made = keep(recipe, store, author(), note)
    stdout.print(f"{'saved' if made else 'unchanged'}  {name}@{saved.number}  {recipe.version}")


def champion(
    settings: Settings, label: str | None, reason: str, expected: str | None, *, as_json: bool
) -> None:
    """Print the champion and its history, or set it first. Raises as `set_champion`."""
    with opened_recipes(settings) as (book, store):
        if label is not None:
            set_champion(label, book, store, settings, author=author(), reason=reason, expected=expected)
        _print_champion(book, store.champion_history(), as_json=as_json)


def rollback(settings: Settings, reason: str, expected: str | None, *, as_json: bool) -> None:
    """Let the champion before serve again. Raises `NotFoundError`, `ConflictError`."""
    with opened_recipes(settings) as (book, store):
        store.rollback_champion(author=author(), reason=reason, expected=expected)
        _print_champion(book, store.champion_history(), as_json=as_json)


def _print_champion(book: RecipeBook, history: list[ChampionChange], *, as_json: bool) -> None:
    now = history[0].label if history else book.initial
    if as_json:
        print_json({"champion": now, "history": [_change_as_json(one) for one in history]})
        return
    stdout.print(f"champion  {escape(now)}")
    for one in history:
        stdout.print(
            f"{one.number:>8}  {one.changed_at:%Y-%m-%d %H:%M}  {escape(one.label)}  {escape(one.author)}  "
            f"{escape(one.reason)}"
        )


def _as_json(recipe: Recipe) -> dict[str, Any]:
    return {"name": recipe.name, "version": recipe.version, "definition": recipe.definition()}


def _change_as_json(change: ChampionChange) -> dict[str, Any]:
    return {
        "number": change.number,
        "champion": change.label,
        "author": change.author,
        "reason": change.reason,
        "changed_at": change.changed_at.isoformat(),
    }
