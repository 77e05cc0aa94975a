"""Which registered adapters are to be at every replica: what the store wants, and the champion's."""

import re
from pathlib import Path

from tandem.recipes import RecipeBook
from tandem.settings import Settings
from tandem.store import Store
from tandem.threads import in_thread

_REF = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})@([1-9][0-9]{0,8})")


class Wanted:
    """What is wanted, as it was last looked up, and where its files are for the engine."""

    def __init__(self, settings: Settings, store: Store, book: RecipeBook) -> None:
        self.leaving: set[str] = set()
        """Those that go as soon as nobody asks them."""
        self._settings = settings.engine
        self._root = (settings.engine.adapters_dir or settings.data_dir.resolve() / "adapters").absolute()
        self._store = store
        self._book = book
        self._served: tuple[str, ...] = ()

    def is_registered(self, model: str) -> bool:
        """Whether the name is a registered adapter's, and not the base model's or one of the settings."""
        own = (self._settings.served_name, *self._settings.adapters)
        return model not in own and _REF.fullmatch(model) is not None

    def is_ours(self, ref: str, folder: str) -> bool:
        """Whether an adapter that the engine has from `folder` is the registered one."""
        return self.is_registered(ref) and folder == str(self.path(ref))

    def path(self, ref: str) -> Path:
        """Its folder, as the engine sees it."""
        name, _, number = ref.partition("@")
        return self._root / name / number

    def champion_model(self) -> str:
        """The champion's model, whatever it is."""
        return self._book.find(self._book.champion).model

    def named(self) -> set[str]:
        """The models of all current recipes."""
        return {self._book.find(name).model for name in self._book.names()}

    def pinned(self) -> set[str]:
        """What is to stay loaded, as of the last look."""
        return {ref for ref in (*self._served, self.champion_model()) if self.is_registered(ref)}

    async def look(self) -> set[str]:
        """What is to stay loaded, now. Raises what the store raises."""
        self._served = tuple(await in_thread(self._store.served_adapters))
        return self.pinned()
