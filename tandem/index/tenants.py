"""Which tenants' shards are open: those in use, and as many of the latest as the settings say."""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from tandem.errors import StorageError
from tandem.index.shard import read_note, storage_errors
from tandem.index.tenant import TenantShard
from tandem.settings import IndexSettings

_DUE = "due"
"""A file that says that a shard is due for a compaction, so that nobody opens all of them to know."""


class _Slot:
    """The place of a tenant's shard while somebody uses it or it is kept open."""

    def __init__(self) -> None:
        self.opening = threading.Lock()
        self.shard: TenantShard | None = None
        self.users = 0
        self.ending = False
        """The shard is being closed; who comes now waits until the slot is gone."""


class Tenants:
    """Opens shards when they are wanted and closes those that were not for the longest time. Blocking."""

    def __init__(self, folder: Path, settings: IndexSettings, dimension: int) -> None:
        self._folder = folder
        self._settings = settings
        self._dimension = dimension
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._changed = threading.Condition()
        notes = (read_note(mark.parent) for mark in folder.glob(f"*/{_DUE}"))
        self._due = {note.tenant for note in notes if note is not None}
        self._closed = False

    @contextmanager
    def using(self, tenant: str) -> Iterator[TenantShard | None]:
        """The tenant's shard, or None where there is none. Raises `StorageError`."""
        place = self._place(tenant)
        with self._entered(tenant) as slot:
            with slot.opening:
                if slot.shard is None and read_note(place) is not None:
                    slot.shard = TenantShard(place, tenant, self._settings, self._dimension)
            yield slot.shard

    @contextmanager
    def making(self, tenant: str) -> Iterator[TenantShard]:
        """The tenant's shard, made if there is none. Raises `StorageError`."""
        place = self._place(tenant)
        with self._entered(tenant) as slot:
            with slot.opening:
                shard = slot.shard or TenantShard(place, tenant, self._settings, self._dimension)
                slot.shard = shard
            yield shard

    def all(self) -> list[str]:
        """Every tenant who has a shard, in an order that stays."""
        notes = (read_note(place) for place in sorted(self._folder.glob("*")))
        return [note.tenant for note in notes if note is not None]

    def due(self) -> list[str]:
        """Tenants of whose shards enough has changed for a compaction."""
        with self._changed:
            return sorted(self._due)

    def remove(self, tenant: str) -> None:
        """Remove a tenant's shard from the disk, once those who use it are done."""
        with self._ended(tenant), storage_errors(self._folder):
            place = self._place(tenant)
            if place.exists():
                shutil.rmtree(place)
            self._due.discard(tenant)

    def close(self) -> None:
        """Close every shard, once those who use it are done; compactions are ended, and none is opened again."""
        self._closed = True
        for tenant in list(self._slots):
            with self._ended(tenant):
                pass

    def _place(self, tenant: str) -> Path:
        """A tenant's name may be no path, so its hash is the folder's name."""
        return self._folder / sha256(tenant.encode()).hexdigest()[:32]

    @contextmanager
    def _entered(self, tenant: str) -> Iterator[_Slot]:
        slot = self._enter(tenant)
        try:
            yield slot
        finally:
            self._leave(tenant, slot)

    def _enter(self, tenant: str) -> _Slot:
        with self._changed:
            while (slot := self._slots.get(tenant)) is not None and slot.ending:
                self._changed.wait()
            if self._closed:
                raise StorageError("The index is closed")
            slot = slot or self._slots.setdefault(tenant, _Slot())
            slot.users += 1
            self._slots.move_to_end(tenant)
            return slot

    def _leave(self, tenant: str, slot: _Slot) -> None:
        with self._changed:
            slot.users -= 1
            if slot.shard is None:
                if slot.users == 0 and not slot.ending:
                    del self._slots[tenant]
            elif slot.shard.is_due != (tenant in self._due):
                self._note_due(tenant, due=slot.shard.is_due)
            self._changed.notify_all()
        while (idle := self._too_many()) is not None:
            with self._ended(idle):
                pass

    def _note_due(self, tenant: str, *, due: bool) -> None:
        mark = self._place(tenant) / _DUE
        with suppress(OSError):  # a compaction may come later; what was written is written
            if due:
                mark.touch()
                self._due.add(tenant)
            else:
                mark.unlink(missing_ok=True)
                self._due.discard(tenant)

    def _too_many(self) -> str | None:
        """The tenant that nobody has used for the longest time, if more are open than should be."""
        with self._changed:
            if len(self._slots) <= self._settings.open_tenants:
                return None
            idle = (tenant for tenant, slot in self._slots.items() if not slot.users and not slot.ending)
            return next(idle, None)

    @contextmanager
    def _ended(self, tenant: str) -> Iterator[None]:
        """A block in which the tenant's shard is closed and nobody can open it."""
        with self._changed:
            while (slot := self._slots.setdefault(tenant, _Slot())).ending:
                self._changed.wait()
            slot.ending = True
            if slot.shard is not None and slot.users:
                slot.shard.stop_compacting()
            self._changed.wait_for(lambda: slot.users == 0)
        try:
            if slot.shard is not None:
                slot.shard.close()
            yield
        finally:
            with self._changed:
                del self._slots[tenant]
                self._changed.notify_all()
