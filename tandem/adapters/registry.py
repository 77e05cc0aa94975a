"""The registry: folders of weights under `DATA_DIR/adapters`, and what the store says of them.

A version's folder `NAME/NUMBER` gets its name inside the transaction that adds its row: a row never lacks its
folder. A folder that is marked and has no row was left by a kill and is nobody's; one that is not marked is of
another store, such as the one before `store.url` was set, and is left alone.
"""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from tandem.adapters.base import base_hash, base_tensors
from tandem.adapters.card import card_of
from tandem.adapters.naming import check_adapter_name, check_facts, check_words, split_ref
from tandem.adapters.records import row_of, version_of
from tandem.adapters.taking import Taken, sha256_and_size, take_over
from tandem.adapters.version import AdapterFacts, AdapterVersion
from tandem.adapters.version_file import CARD, FACTS, write_version_file
from tandem.errors import InvalidRequestError, StorageError
from tandem.models.disk import put_in_place, storage_errors
from tandem.store import AdapterRow, Store, TagMove

_MAKING, _GONE = ".making-", ".gone-"
_MARK = ".unlisted"
"""In a folder that is rubbish unless the store has its row."""
_ABANDONED_S = 24 * 3600
"""Seconds after which nobody can still be filling a folder."""


class AdapterRegistry:
    """Immutable versions of adapters. Blocking; any thread, and any process on the same storage, may call."""

    def __init__(self, data_dir: Path, store: Store) -> None:
        self._root = data_dir.resolve() / "adapters"
        self._store = store

    def register(
        self,
        folder: Path,
        *,
        name: str,
        facts: AdapterFacts,
        author: str,
        note: str = "",
        base: Path | None = None,
    ) -> AdapterVersion:
        """Take the adapter in `folder` over as the next version of `name`; the folder stays as it is.

        `base` is the folder of the base model, where it is at hand: then its hash and its shapes are compared.
        Raises `InvalidRequestError` for what is unsafe, no LoRA adapter, or of another base, and `StorageError`
        where the disk refuses. Neither leaves anything that is listed.
        """
        check_adapter_name(name)
        check_facts(facts)
        check_words(author, note)
        if base is not None and base_hash(base) != facts.base_hash:
            raise InvalidRequestError(
                f"The adapter is of another base model than {base}: that has the hash {base_hash(base)[:12]}, "
                f"and the adapter names {facts.base_hash[:12]}",
                hint=f"Name the base that it was trained on: {facts.base}",
                param="base",
            )
        self.clear_leftovers()
        with self.workplace() as making:
            taken = take_over(folder, making, facts.base, base_tensors(base) if base else None)
            draft = _draft(making, taken, name, facts, author, note)

            def place(number: int) -> AdapterRow:
                version = _finish(making, replace(draft, number=number))
                (making / _MARK).touch()
                (self._root / name).mkdir(exist_ok=True)
                put_in_place(making, self._root / name / str(number))
                return row_of(version)

            made = version_of(self._store.add_adapter(name, place, self._highest(name)))
            (self._root / name / str(made.number) / _MARK).unlink(missing_ok=True)
            return made

    def get(self, ref: str) -> AdapterVersion:
        """The version `NAME@NUMBER`, `NAME@TAG`, or the newest of `NAME`. Raises `NotFoundError`."""
        return version_of(self._store.adapter(*split_ref(ref)))

    def versions(self, name: str | None = None) -> list[AdapterVersion]:
        """All versions by name, the newest first; of one name, if it is given, where it may be unknown."""
        return [version_of(row) for row in self._store.adapters(name)]

    def folder_of(self, version: AdapterVersion) -> Path:
        """The folder of its files, each of which is there with its size.

        Raises `StorageError` for one that is not; `verify` compares the bytes too.
        """
        folder = self._root / version.name / str(version.number)
        for name, size in version.sizes.items():
            file = folder / name
            if not file.is_file() or file.is_symlink():
                raise _damaged(version, f"{name} is missing")
            if (there := file.stat().st_size) != size:
                raise _damaged(version, f"{name} has {there} bytes instead of {size}")
        return folder

    def verify(self, version: AdapterVersion) -> Path:
        """As `folder_of`, after every byte was hashed (about a second for a GiB)."""
        folder = self.folder_of(version)
        with storage_errors(folder):
            for name, digest in version.files.items():
                if sha256_and_size(folder / name)[0] != digest:
                    raise _damaged(version, f"{name} has another hash")
        return folder

    def tag(
        self,
        version: AdapterVersion | str,
        tag: str,
        *,
        author: str = "",
        reason: str = "",
        expected: int | None = None,
    ) -> AdapterVersion:
        """Let `tag` mean this version of its name, whatever it meant before, in one step.

        With `expected`, only if the tag is on that number now (0: on none); else `ConflictError`.
        """
        found = self.get(version) if isinstance(version, str) else version
        row = self._store.move_adapter_tag(
            found.name, tag, str(found.number), author=author, reason=reason, expected=expected
        )
        return version_of(row)

    def untag(self, name: str, tag: str, *, author: str = "", reason: str = "") -> None:
        """Take a tag away; the version stays. Raises `NotFoundError`."""
        self._store.take_adapter_tag(name, tag, author=author, reason=reason)

    def tag_moves(self, name: str) -> list[TagMove]:
        """Where the tags of a name have been, the newest move first."""
        return self._store.adapter_tag_moves(name)

    def remove(self, version: AdapterVersion, *, author: str = "", tagged: bool = False) -> None:
        """Take a version out and delete its files; its number is not used again.

        Whether it is in use is asked before, see `tandem.adapters.uses`. Raises `ConflictError` for one that has
        tags, unless `tagged` lets them go with it.
        """
        folder = self._root / version.name / str(version.number)
        with storage_errors(self._root):
            with suppress(FileNotFoundError):
                (folder / _MARK).touch()
            self._store.remove_adapter(version.name, version.number, author=author, tagged=tagged)
            gone = self._set_aside(folder)
            shutil.rmtree(gone, ignore_errors=True)

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """An empty folder on the registry's disk, which is deleted after."""
        making = self._root / f"{_MAKING}{uuid4().hex}"
        with storage_errors(self._root):
            making.mkdir(parents=True)
            try:
                yield making
            finally:  # also Ctrl-C: a half must not fill the disk
                shutil.rmtree(making, ignore_errors=True)

    def clear_leftovers(self) -> None:
        """Delete what a kill has left: marked folders without a row, and folders that nobody fills any more."""
        if not self._root.is_dir():
            return
        with storage_errors(self._root):
            for folder in self._root.iterdir():
                if folder.name.startswith((_MAKING, _GONE)):
                    with suppress(FileNotFoundError):
                        if folder.stat().st_mtime < time.time() - _ABANDONED_S:
                            shutil.rmtree(folder, ignore_errors=True)
                elif folder.is_dir():
                    self._clear_name(folder)

    def _clear_name(self, folder: Path) -> None:
        present = {number: one for number, one in _numbered(folder) if (one / _MARK).exists()}
        if not present.keys() - {row.number for row in self._store.adapters(folder.name)}:
            return

        gone: list[Path] = []

        def settle(registered: set[int]) -> None:
            gone.extend(self._set_aside(present[number]) for number in present.keys() - registered)

        self._store.settle_adapters(folder.name, settle)
        for one in gone:
            shutil.rmtree(one, ignore_errors=True)

    def _highest(self, name: str) -> int:
        """The highest number that a folder has, also of another store: none is written over."""
        return max((number for number, _ in _numbered(self._root / name)), default=0)

    def _set_aside(self, folder: Path) -> Path:
        """In one step, so that a kill leaves it whole or gone."""
        gone = self._root / f"{_GONE}{uuid4().hex}"
        with suppress(FileNotFoundError):
            folder.rename(gone)
        return gone


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        return []
    return [(int(one.name), one) for one in folder.iterdir() if re.fullmatch(r"[0-9]{1,9}", one.name)]


def _draft(
    folder: Path, taken: Taken, name: str, facts: AdapterFacts, author: str, note: str
) -> AdapterVersion:
    """The version but for its number, its card and its facts."""
    files = {file.name: sha256_and_size(file) for file in sorted(folder.iterdir())}
    return AdapterVersion(
        name=name,
        number=0,
        facts=facts,
        rank=taken.rank,
        files={one: digest for one, (digest, _) in files.items()},
        size=sum(size for _, size in files.values()),
        created_at=datetime.now(UTC),
        author=author,
        note=note,
        sizes={one: size for one, (_, size) in files.items()},
        unserved=taken.unserved,
    )


def _finish(folder: Path, version: AdapterVersion) -> AdapterVersion:
    """Write card and facts into the folder; gives the version with them among its files."""
    (folder / CARD).write_text(card_of(version), encoding="utf-8")
    version = _with_file(version, folder / CARD)
    write_version_file(folder, version)
    return _with_file(version, folder / FACTS)


def _with_file(version: AdapterVersion, file: Path) -> AdapterVersion:
    digest, size = sha256_and_size(file)
    return replace(
        version,
        files=version.files | {file.name: digest},
        sizes=version.sizes | {file.name: size},
        size=version.size + size,
    )


def _damaged(version: AdapterVersion, what: str) -> StorageError:
    return StorageError(
        f"The adapter {version.ref} is not what was registered: {what}",
        hint="Restore its folder from a backup or an export, or remove it: "
        f"tandem adapters remove {version.ref}",
    )
