"""Keeps the recipes of this process what they are in the store, whoever changes them."""

import asyncio

import structlog

from tandem.errors import TandemError
from tandem.recipes import RecipeBook
from tandem.store import Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_EVERY_S = 0.5


async def follow_recipes(book: RecipeBook, store: Store) -> None:
    """Look for changes twice a second, until cancelled. What cannot be followed is said once; what was known
    goes on to serve.
    """
    said = ""
    while True:
        await asyncio.sleep(_EVERY_S)
        try:
            await in_thread(book.follow, store)
            said = ""
        except TandemError as error:
            if error.message != said:
                log.warning("recipes_not_followed", error=error.message, hint=error.hint)
            said = error.message
