"""`tandem keys`: made, listed, rotated and revoked, through the running server, else in the store."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
from rich.markup import escape
from rich.table import Table

from server.api.keys import issued_key_body, key_body
from tandem.cli.opened import opened_store
from tandem.cli.output import print_json, progress, stdout
from tandem.cli.remote import checked, running_server
from tandem.errors import InvalidRequestError
from tandem.keys import ALL_GROUPS, KeyWish, create_key, keys_for, revoke_key, rotate_key
from tandem.settings import Settings
from tandem.vocabulary import Caller, KeyScope

_SPAN = re.compile(r"([0-9]{1,5})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PATH = "/api/keys"


def span_of(text: str, option: str) -> timedelta:
    """A length of time such as `90d`, `12h`, `30m`, `45s` or `2w`. Raises `InvalidRequestError`."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InvalidRequestError(
            f"{text!r} is no length of time", param=option, hint="Such as 90d, 12h, 30m or 45s."
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def scopes_of(named: Sequence[str]) -> frozenset[KeyScope]:
    """Scopes by their names. Raises `InvalidRequestError` for one that there is not."""
    if unknown := sorted(set(named) - {str(scope) for scope in KeyScope}):
        raise InvalidRequestError(
            f"There is no scope {unknown[0]!r}", param="scopes", hint=f"Scopes: {', '.join(KeyScope)}."
        )
    return frozenset(KeyScope(name) for name in named)


def make_key(settings: Settings, wish: KeyWish, *, as_json: bool) -> None:
    """Print a new key, once. Raises `InvalidRequestError` and `ForbiddenError`."""
    with running_server(settings) as client:
        if client is None:
            with opened_store(settings) as store:
                made = issued_key_body(create_key(store, Caller(), wish)).model_dump(mode="json")
        else:
            made = checked(client.post(_PATH, json=_body(wish)))
    _print_issued(made, as_json=as_json)


def list_keys(settings: Settings, *, as_json: bool) -> None:
    """Print the keys, newest first."""
    with running_server(settings) as client:
        if client is None:
            with opened_store(settings) as store:
                found = [key_body(key).model_dump(mode="json") for key in keys_for(store, Caller())]
        else:
            found = checked(client.get(_PATH))["keys"]
    if as_json:
        print_json(found)
    elif found:
        stdout.print(_table(found))
    else:
        stdout.print("No key yet: tandem keys create --name NAME --scopes chat")


def renew_key(settings: Settings, known: str, overlap: timedelta, *, as_json: bool) -> None:
    """Print the new text of a key, once. Raises `NotFoundError`, `ForbiddenError` and `ConflictError`."""
    with running_server(settings) as client:
        if client is None:
            with opened_store(settings) as store:
                made = issued_key_body(rotate_key(store, Caller(), known, overlap)).model_dump(mode="json")
        else:
            body = {"overlap_s": int(overlap.total_seconds())}
            made = checked(client.post(_path(known, "/rotate"), json=body))
    _print_issued(made, as_json=as_json)


def end_key(settings: Settings, known: str, *, as_json: bool) -> None:
    """Revoke a key. Raises `NotFoundError` and `ForbiddenError`."""
    with running_server(settings) as client:
        if client is None:
            with opened_store(settings) as store:
                ended = key_body(revoke_key(store, Caller(), known)).model_dump(mode="json")
        else:
            ended = checked(client.delete(_path(known)))
    if as_json:
        print_json(ended)
    else:
        stdout.print(f"revoked  {ended['id']}  {escape(ended['name'])}")


def _path(known: str, end: str = "") -> str:
    return str(httpx.URL(path=f"{_PATH}/{known}{end}").raw_path, "ascii")


def _body(wish: KeyWish) -> dict[str, Any]:
    return {
        "name": wish.name,
        "scopes": sorted(wish.scopes),
        "tenant": wish.tenant,
        "groups": list(wish.groups),
        "expires_in_s": None if wish.expires_in is None else int(wish.expires_in.total_seconds()),
    }


def _print_issued(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    progress(f"Key {made['id']} ({made['name']}). It is shown this once; keep it where secrets are kept.")
    print(made["key"])


def _table(found: Sequence[dict[str, Any]]) -> Table:
    table = Table("id", "name", "tenant", "scopes", "groups", "state", "expires", "last used", box=None)
    for one in found:
        groups = ALL_GROUPS if one["groups"] is None else ", ".join(one["groups"]) or "-"
        table.add_row(
            one["id"],
            escape(one["name"]),
            one["tenant"],
            ", ".join(one["scopes"]),
            escape(groups),
            one["state"],
            _day(one["expires_at"]),
            _day(one["last_used"]),
        )
    return table


def _day(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else "-"
