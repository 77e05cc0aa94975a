"""The model of a recipe: the base model, an adapter of the settings, or a registered one."""

from tandem.abstention import Abstaining, abstaining_of
from tandem.adapters.naming import split_ref
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.recipes.recipe import Recipe
from tandem.settings import EngineSettings
from tandem.store import Store


def model_named(label: str, engine: EngineSettings, store: Store) -> str:
    """The name at the engine: of a registered adapter `NAME@NUMBER`, also where a tag or no version is named.

    Raises `InvalidRequestError` for a model that there is not.
    """
    known = [engine.served_name, *engine.adapters]
    if label in known:
        return label
    try:
        row = store.adapter(*split_ref(label))
    except NotFoundError as error:
        raise InvalidRequestError(
            f"The engine has no model {label!r}, and no such adapter is registered",
            param="model",
            hint=f"It has: {', '.join(known)}. `tandem adapters list` shows the registered ones.",
        ) from error
    return f"{row.name}@{row.number}"


def check_served(recipe: Recipe, engine: EngineSettings, store: Store) -> None:
    """Raises `InvalidRequestError` for a recipe whose model this engine does not have and cannot get."""
    model_named(recipe.model, engine, store)
    if engine.address is None and recipe.weights != engine.model:
        raise InvalidRequestError(
            f"The recipe {recipe.name} is of the model {recipe.weights}; this engine has {engine.model}",
            param="model",
            hint="Save it anew for this model, or set engine.model.",
        )


def abstaining_at(store: Store, model: str | None) -> Abstaining | None:
    """How readily a registered adapter `NAME@NUMBER` says that it does not know; `None` for any other model."""
    if model is None:
        return None
    try:
        row = store.adapter(*split_ref(model))
    except (InvalidRequestError, NotFoundError):
        return None
    return abstaining_of(row.metrics)
