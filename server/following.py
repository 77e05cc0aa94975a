"""Keeps the recipes of this process what they are in the store, whoever changes them, and knows its model once that is
there.
"""

import structlog

from server.services import Services
from tandem.later_tokens import LaterTokens
from tandem.recipes.keeping import save_recipe
from tandem.threads import in_thread

log = structlog.get_logger(__name__)


async def follow_recipes(services: Services) -> None:
    """Take over what was saved. A new champion's adapter is loaded at all replicas before it becomes the champion here.

    Raises what the book, the store and the load of the adapter raise; then the champion before goes on to serve.
    """
    book, adapters = services.recipes, services.adapters
    while (waiting := await in_thread(book.follow, services.store, adapters.is_everywhere)) is not None:
        await adapters.ensure(waiting.model)


async def follow_tag(services: Services) -> None:
    """Let `tuned` and `hybrid` take the adapter that is tagged `champion` now, once it is loaded. Raises as
    `follow_recipes`.
    """
    if services.settings.engine.adapters:
        return
    book = services.recipes
    adapter = await in_thread(services.store.champion_adapter)
    known = book.builtin.get("tuned")
    if adapter == (known.model if known else None):
        return
    if adapter is None and book.champion in ("tuned", "hybrid"):
        return  # it would leave no champion
    if adapter is not None:
        await services.adapters.ensure(adapter)
    fresh = await in_thread(services.builtin_with, adapter)
    for recipe in fresh.values():
        await in_thread(save_recipe, recipe, services.store, "tandem", "Made of the settings", known=True)
    book.take_builtin(fresh)
    log.info("champion_adapter", adapter=adapter)


async def follow_model(services: Services) -> None:
    """Count by the model's own tokenizer once its folder is filled."""
    tokens = services.tokens
    if not isinstance(tokens, LaterTokens) or not tokens.waits:
        return
    await in_thread(tokens.look)
    if not tokens.waits:
        log.info("model_tokens_known", folder=str(services.settings.engine.tokenizer))
