"""`tandem adapters`: what is registered, shown, compared, tagged and removed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.markup import escape

from tandem.adapters import AdapterRegistry, AdapterVersion
from tandem.adapters.comparing import Difference, differences
from tandem.adapters.pruning import fates, prune, remove
from tandem.adapters.uses import Uses
from tandem.adapters.version_file import CARD
from tandem.cli.opened import author
from tandem.cli.output import print_json, progress, stdout
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import Settings
from tandem.store import Store, open_store

_MIB = 1024 * 1024


@contextmanager
def opened_registry(settings: Settings) -> Iterator[tuple[AdapterRegistry, Store]]:
    """The registry and its store, closed after. A running server sees what is changed."""
    store = open_store(settings.store, settings.data_dir)
    try:
        yield AdapterRegistry(settings.data_dir, store), store
    finally:
        store.close()


def list_adapters(settings: Settings, name: str | None, *, as_json: bool) -> None:
    """Print the versions. Raises `NotFoundError` for a name that there is not."""
    with opened_registry(settings) as (registry, _):
        found = registry.versions(name)
    if name is not None and not found:
        raise NotFoundError(f"There is no adapter {name!r}", param="adapter", hint="tandem adapters list")
    if as_json:
        print_json([adapter_as_json(one) for one in found])
        return
    for one in found:
        tags = " ".join(f"[{tag}]" for tag in one.tags)
        unserved = "" if one.served_unmerged else "served merged only"
        what = "  ".join(part for part in (one.author, one.note, tags, unserved) if part)
        stdout.print(
            f"{one.ref:<20}  {one.created_at:%Y-%m-%d %H:%M}  rank {one.rank:<3}  {one.size / _MIB:7.1f} MiB  "
            f"{escape(one.facts.base)}  {escape(what)}"
        )


def show_adapter(settings: Settings, label: str, *, verify: bool, as_json: bool) -> None:
    """Print the card. Raises `NotFoundError`, and `StorageError` for files that are not what was registered."""
    with opened_registry(settings) as (registry, store):
        version = registry.get(label)
        folder = registry.verify(version) if verify else registry.folder_of(version)
        named = Uses(store, settings).of(version)
    if as_json:
        print_json(adapter_as_json(version) | {"folder": str(folder), "used_by": named})
        return
    print((folder / CARD).read_text(encoding="utf-8"))
    stdout.print(f"folder   {escape(str(folder))}")
    for title, values in (("tags", version.tags), ("used by", named)):
        stdout.print(f"{title:<7}  {escape(', '.join(values) or 'none')}")
    if verify:
        stdout.print("hashes   every one agrees")


def diff_adapters(settings: Settings, before: str, after: str, *, as_json: bool) -> None:
    """Print in what two versions differ. Raises `NotFoundError`."""
    with opened_registry(settings) as (registry, _):
        old, new = registry.get(before), registry.get(after)
    found = differences(old, new)
    if as_json:
        rows = [{"what": one.what, "before": one.before, "after": one.after} for one in found]
        print_json({"before": old.ref, "after": new.ref, "differences": rows})
        return
    stdout.print(f"{'':<32}  {old.ref:<24}  {new.ref}")
    for one in found:
        stdout.print(f"{escape(one.what):<32}  {_short(one.before):<24}  {_short(one.after)}{_gain(one)}")


def print_tag_moves(settings: Settings, name: str, *, as_json: bool) -> None:
    """Print where the tags of a name have been."""
    with opened_registry(settings) as (registry, _):
        moves = registry.tag_moves(name)
    if as_json:
        print_json(
            [
                {
                    "tag": one.tag,
                    "number": one.number,
                    "author": one.author,
                    "reason": one.reason,
                    "moved_at": one.moved_at.isoformat(),
                }
                for one in moves
            ]
        )
        return
    for one in moves:
        goal = f"{one.name}@{one.number}" if one.number else "taken away"
        stdout.print(
            f"{one.moved_at:%Y-%m-%d %H:%M}  {one.tag:<16}  {goal:<20}  {escape(one.author)}  {escape(one.reason)}"
        )


def tag_adapter(settings: Settings, label: str, tag: str, reason: str, expected: int | None) -> None:
    """Move a tag. Raises `NotFoundError`, `InvalidRequestError`, `ConflictError`."""
    with opened_registry(settings) as (registry, _):
        tagged = registry.tag(label, tag, author=author(), reason=reason, expected=expected)
    stdout.print(f"tagged  {tagged.ref}  {tag}")


def untag_adapter(settings: Settings, name: str, tag: str, reason: str) -> None:
    """Take a tag away. Raises `NotFoundError`."""
    with opened_registry(settings) as (registry, _):
        registry.untag(name, tag, author=author(), reason=reason)
    stdout.print(f"untagged  {escape(name)}  {escape(tag)}")


def prune_adapters(settings: Settings, name: str | None, keep: int, *, delete: bool, as_json: bool) -> None:
    """Show what nothing holds on to, or delete it."""
    with opened_registry(settings) as (registry, store):
        planned = fates(registry, Uses(store, settings), keep, name)
        going = [one.version for one in planned if not one.kept]
        if delete:
            going = prune(registry, planned, author())
            registry.clear_leftovers()
    size = sum(one.size for one in going)
    if as_json:
        kept = {one.version.ref: list(one.kept) for one in planned if one.kept}
        removed = [{"ref": one.ref, "size": one.size} for one in going]
        print_json({"deleted": delete, "removed": removed, "bytes": size, "kept": kept})
        return
    for one in planned:
        if one.kept:
            stdout.print(f"keep     {one.version.ref:<20}  {escape(', '.join(one.kept))}")
    for version in going:
        stdout.print(
            f"{'removed' if delete else 'remove '}  {version.ref:<20}  {version.size / _MIB:.1f} MiB"
        )
    stdout.print(f"{size / _MIB:.1f} MiB{'' if delete else ' would go'}")
    if going and not delete:
        progress("Nothing was deleted; --delete does it")


def remove_adapter(settings: Settings, label: str, *, force: bool) -> None:
    """Delete one version. Raises `ConflictError` where it is in use, unless forced."""
    if not re.search(r"@[0-9]+$", label):
        raise InvalidRequestError(
            f"{label!r} names no version by its number", hint="tandem adapters remove NAME@NUMBER"
        )
    with opened_registry(settings) as (registry, store):
        version = registry.get(label)
        remove(registry, Uses(store, settings), version, author(), force=force)
    stdout.print(f"removed  {version.ref}  {version.size / _MIB:.1f} MiB")


def adapter_as_json(version: AdapterVersion) -> dict[str, Any]:
    """A version as JSON can say it."""
    facts = version.facts
    return {
        "ref": version.ref,
        "name": version.name,
        "number": version.number,
        "base": facts.base,
        "base_hash": facts.base_hash,
        "data_hash": facts.data_hash,
        "rank": version.rank,
        "size": version.size,
        "seconds": facts.seconds,
        "parameters": facts.parameters,
        "metrics": facts.metrics,
        "files": {one: {"sha256": version.files[one], "size": version.sizes[one]} for one in version.files},
        "created_at": version.created_at.isoformat(),
        "author": version.author,
        "note": version.note,
        "tags": list(version.tags),
        "served_unmerged": version.served_unmerged,
        "unserved": list(version.unserved),
    }


def _short(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return escape(text[:12] if re.fullmatch(r"[0-9a-f]{64}", text) else text[:60])


def _gain(one: Difference) -> str:
    """How much a metric has moved."""
    if one.what.startswith("metrics.") and all(
        type(value) in (int, float) for value in (one.before, one.after)
    ):
        return f"  ({one.after - one.before:+.4g})"
    return ""
