"""Commands of keys. What they do stands in a module of its own."""

from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.settings import read_settings

keys_app = typer.Typer(no_args_is_help=True, help="Keys: who may ask a server, and what.")

KeyId = Annotated[str, typer.Argument(help="Id of the key: the part after tdm_.")]


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Option(help="Whose, or what for.")],
    scopes: Annotated[
        str, typer.Option(help="By commas: chat, ingest, evaluate, metrics, admin, operator.")
    ] = "chat",
    tenant: Annotated[str | None, typer.Option(help="Tenant; your own by default.")] = None,
    groups: Annotated[
        str,
        typer.Option(help="Access groups by commas; '*' sees every document, none the unrestricted ones."),
    ] = "",
    expires_in: Annotated[
        str | None, typer.Option(help="Such as 90d, 12h or 30m; it never expires by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    from tandem.cli.keys import make_key, scopes_of, span_of
    from tandem.keys import KeyWish

    wish = KeyWish(
        name=name,
        scopes=scopes_of(_listed(scopes)),
        tenant=tenant,
        groups=tuple(_listed(groups)),
        expires_in=None if expires_in is None else span_of(expires_in, "--expires-in"),
    )
    make_key(read_settings(), wish, as_json=json)


@keys_app.command("list")
def keys_list(json: AsJson = False) -> None:
    """List the keys, newest first, without their secrets."""
    from tandem.cli.keys import list_keys

    list_keys(read_settings(), as_json=json)


@keys_app.command("rotate")
def keys_rotate(
    id: KeyId,  # noqa: A002 - the word of the API
    overlap: Annotated[str, typer.Option(help="How long the secret before holds, too: such as 1h.")] = "0s",
    json: AsJson = False,
) -> None:
    """Give a key another secret and print it, this once."""
    from tandem.cli.keys import renew_key, span_of

    renew_key(read_settings(), id, span_of(overlap, "--overlap"), as_json=json)


@keys_app.command("revoke")
def keys_revoke(id: KeyId, json: AsJson = False) -> None:  # noqa: A002
    """Let a key hold no longer, on every server within a second."""
    from tandem.cli.keys import end_key

    end_key(read_settings(), id, as_json=json)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
