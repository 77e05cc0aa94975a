"""Reads the audit log in the store; a running server need not be asked."""

from contextlib import closing
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table

from tandem.cli.output import print_json, stdout
from tandem.settings import Settings
from tandem.store import open_store


def list_entries(settings: Settings, tenant: str | None, limit: int, *, as_json: bool) -> None:
    """Print the newest entries."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        found = store.audit_entries(tenant, limit=limit)
    if as_json:
        print_json([asdict(one) | {"at": one.at.isoformat()} for one in found])
        return
    table = Table("no.", "when", "who", "tenant", "what", "object", "details", box=None, header_style="dim")
    for one in found:
        told = ", ".join(f"{name} {value}" for name, value in one.details.items() if value not in (None, ""))
        words = (one.subject, one.tenant, one.action, one.object, told)
        table.add_row(str(one.number), f"{one.at:%Y-%m-%d %H:%M:%S}", *(escape(word) for word in words))
    stdout.print(table if found else "Nothing has been changed yet.")


def verify(settings: Settings, head: str | None, *, as_json: bool) -> None:
    """Print how many entries there are and the newest hash.

    Raises `StorageError` for a broken log, and where `head` is the hash of no entry.
    """
    with closing(open_store(settings.store, settings.data_dir)) as store:
        entries, digest = store.verify_audit(head)
    if as_json:
        print_json({"entries": entries, "hash": digest})
    else:
        stdout.print(f"The audit log is whole: {entries} entries, the newest {digest}")
