"""The arms of a run: recipes that the server has, and what they took to be had."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from eval.running.facts import ArmFacts, Kind
from finetune.validation.over_http import got, saved_recipe
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.store import AdapterRow, Store

CHAMPION = "champion"
"""An arm of this name is the recipe that serves when the run begins."""
_WITH_ADAPTER = ("tuned", "hybrid")


async def arms_of(
    names: Sequence[str], http: httpx.AsyncClient, store: Store, instructions: Mapping[str, str]
) -> tuple[ArmFacts, ...]:
    """The recipes of these names, `NAME`, `NAME@VERSION` or `champion`, as they are now.

    `instructions` are by name. Raises `InvalidRequestError` where no name is given, one is given twice, or
    instructions are for none of them, and `NotFoundError` for a recipe that there is not.
    """
    if not names or not all(names):
        raise InvalidRequestError("No recipe is named", param="arms", hint="--arms base,prompted,rag")
    if len(set(names)) < len(names):
        raise InvalidRequestError(f"Each arm once: {', '.join(names)}", param="arms")
    if strangers := sorted(instructions.keys() - set(names)):
        raise InvalidRequestError(
            f"There are instructions for {', '.join(strangers)}, which is no arm", param="instruct"
        )
    found = [await _found(name, names, http) for name in names]
    return tuple(
        _facts(name, recipe, store, instructions.get(name, ""))
        for name, recipe in zip(names, found, strict=True)
    )


async def _found(name: str, names: Sequence[str], http: httpx.AsyncClient) -> Any:
    if name == CHAMPION:
        return (await got("/api/champion", http))["recipe"]
    try:
        return await saved_recipe(name, http)
    except NotFoundError as error:
        if name in _WITH_ADAPTER:
            rest = [one for one in names if one not in _WITH_ADAPTER]
            raise NotFoundError(
                f"The recipe {name} needs an adapter, and none is the champion",
                param="arms",
                hint="Train one (tandem finetune dataset, tandem finetune train), register it "
                "(tandem adapters register) and tag it: tandem adapters tag NAME@N champion."
                + (f" Or go on without: --arms {','.join(rest)}" if rest else ""),
            ) from error
        known = [one["name"] for one in (await got("/api/recipes", http))["recipes"]]
        raise NotFoundError(
            f"There is no recipe {name!r}", param="arms", hint=f"Known: {', '.join(known)}."
        ) from error


def _facts(name: str, recipe: Any, store: Store, instructions: str) -> ArmFacts:
    definition = recipe["definition"]
    retrieves = definition.get("retrieval") is not None
    adapter = _adapter(definition["model"], store)
    # Those of the settings have an adapter by their names, which the registry need not know.
    trained = definition["model"] if adapter is not None or recipe["name"] in _WITH_ADAPTER else None
    return ArmFacts(
        name=name,
        recipe=f"{recipe['name']}@{recipe['version']}",
        version=recipe["version"],
        kind=kind_of(
            retrieves=retrieves,
            adapter=trained,
            shows_how=definition["prompt"] != "base" or bool(definition.get("few_shot")),
        ),
        model=definition["model"],
        weights=definition["weights"],
        adapter=trained,
        retrieves=retrieves,
        instructions=instructions,
        definition=json.loads(json.dumps(definition)),
        training_s=adapter.seconds if adapter else None,
        adapter_bytes=adapter.size if adapter else None,
    )


def _adapter(model: str, store: Store) -> AdapterRow | None:
    name, at, number = model.rpartition("@")
    try:
        return store.adapter(name, number) if at else None
    except NotFoundError:
        return None


def kind_of(*, retrieves: bool, adapter: str | None, shows_how: bool) -> Kind:
    """The kind of an arm, by what it has.

    `shows_how` tells whether its prompt does more than ask: it has examples, or asks for steps. A trained arm
    without retrieval is `tuned` whatever its prompt says, since the training is what sets it apart.
    """
    if adapter is not None:
        return "hybrid" if retrieves else "tuned"
    if retrieves:
        return "rag"
    return "prompted" if shows_how else "base"
