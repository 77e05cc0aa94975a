"""Who names a version: recipes that were saved, and the settings of the engine."""

from pathlib import Path

from tandem.adapters.naming import split_ref
from tandem.adapters.version import AdapterVersion
from tandem.settings import Settings
from tandem.store import Store


class Uses:
    """What was named at one moment."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._root = settings.data_dir.resolve() / "adapters"
        self._settings = settings.engine.adapters
        self._served = set(store.served_adapters())
        self._recipes: dict[str, set[str]] = {}
        for row in store.recipes_after(0):
            model = str(row.definition.get("model", ""))
            self._recipes.setdefault(model, set()).add(f"{row.name}@{row.number}")

    def of(self, version: AdapterVersion) -> list[str]:
        """What names the version, in words: `recipe hybrid@3`, `setting engine.adapters.mine`."""
        found = [
            f"recipe {label}"
            for model, labels in sorted(self._recipes.items())
            if self._means(model, version)
            for label in sorted(labels)
        ]
        if version.ref in self._served:
            found.append("tandem adapters load")
        for name, folder in self._settings.items():
            if (
                self._means(name, version)
                or self._means(str(folder), version)
                or self._holds(folder, version)
            ):
                found.append(f"setting engine.adapters.{name}")
        return found

    def _means(self, ref: str, version: AdapterVersion) -> bool:
        """A ref by a tag means the version that has it now."""
        name, wanted = split_ref(ref)
        return name == version.name and (wanted == str(version.number) or wanted in version.tags)

    def _holds(self, folder: Path, version: AdapterVersion) -> bool:
        mine = self._root / version.name / str(version.number)
        return folder.expanduser().resolve() == mine
