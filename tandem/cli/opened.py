"""The store, and the recipes of the settings with those in it, for a command."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from tandem.cli.output import progress
from tandem.errors import NotFoundError
from tandem.examples import digest_of, read_examples
from tandem.prompts import PromptLibrary
from tandem.recipes import RecipeBook, builtin_recipes
from tandem.recipes.keeping import keep_builtin
from tandem.recipes.models import abstaining_at
from tandem.settings import Settings
from tandem.store import Store, open_store


@contextmanager
def opened_store(settings: Settings) -> Iterator[Store]:
    """The store, closed after. A running server sees what is changed in it within a second."""
    store = open_store(settings.store, settings.data_dir)
    try:
        bundled = PromptLibrary()
        for name in bundled.names():
            store.save_prompt(name, bundled.text(name), "tandem", "Comes with Tandem", known=True)
        yield store
    finally:
        store.close()


@contextmanager
def opened_recipes(settings: Settings) -> Iterator[tuple[RecipeBook, Store]]:
    """The recipes and the store that they are in. A champion that these settings do not know is passed over,
    so that another can be set.
    """
    from server.calibration import read_calibration

    bundled = PromptLibrary()
    file = settings.answer.examples
    with opened_store(settings) as store:
        adapter = store.champion_adapter()
        book = builtin_recipes(
            settings,
            bundled,
            digest_of(read_examples(file)) if file else None,
            read_calibration(settings.answer.calibration).digest,
            adapter,
            abstaining_at(store, adapter),
        )
        keep_builtin(book, bundled, store)
        try:
            book.follow(store)
        except NotFoundError as error:
            progress(error.message)
        yield book, store


def author() -> str:
    """Who uses this terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return "unknown"
