"""`tandem adapters load`, `unload` and `served`: registered adapters at the engine of the running server."""

from typing import Any

import httpx
from rich.markup import escape

from tandem.adapters.naming import split_ref
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import checked, required_server
from tandem.errors import InvalidRequestError
from tandem.settings import Settings


def load_adapter(settings: Settings, ref: str, *, as_json: bool) -> None:
    """Load `NAME@NUMBER` or `NAME@TAG`, and keep it loaded. Raises what the server says."""
    with required_server(settings) as client:
        _print(checked(client.put(_path(ref))), as_json=as_json)


def unload_adapter(settings: Settings, ref: str, *, as_json: bool) -> None:
    """Unload it once its last request has ended. Raises what the server says."""
    with required_server(settings) as client:
        _print(checked(client.delete(_path(ref))), as_json=as_json)


def print_served(settings: Settings, *, as_json: bool) -> None:
    """Print the adapters that are loaded or should be."""
    with required_server(settings) as client:
        served: list[dict[str, Any]] = checked(client.get("/api/served-adapters"))["adapters"]
    if as_json:
        print_json(served)
        return
    for one in served:
        stdout.print(_line(one))


def _path(ref: str) -> str:
    name, version = split_ref(ref)
    if not version:
        raise InvalidRequestError(
            f"{ref!r} names no version", param="adapter", hint=f"Say {name}@1, or {name}@champion."
        )
    return str(httpx.URL(path=f"/api/adapters/{name}/{version}/served").raw_path, "ascii")


def _print(status: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(status)
    else:
        stdout.print(_line(status))


def _line(status: dict[str, Any]) -> str:
    state = "loaded" if status["loaded"] else "not loaded"
    words = [status["adapter"], state, *(["pinned"] if status["pinned"] else [])]
    if status["in_flight"]:
        words.append(f"{status['in_flight']} requests")
    if status["failure"]:
        words.append(status["failure"])
    return escape("  ".join(words))
