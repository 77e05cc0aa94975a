"""`tandem playground`: recipes side by side on the running server, in a table that fills as they answer."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from tandem.cli.output import print_json, stdout
from tandem.cli.remote import error_of, required_server
from tandem.errors import InvalidRequestError, UnavailableError
from tandem.settings import Settings

T = TypeVar("T")

_SHOWN = 600
"""Characters of an answer in the table."""


@dataclass
class _Column:
    """What one variant has said so far."""

    label: str
    text: dict[int, str] = field(default_factory=dict)
    found: dict[int, int] = field(default_factory=dict)
    done: dict[int, dict[str, Any]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)


def listed(text: str, kind: Callable[[str], T], option: str) -> list[T]:
    """What an option names, by commas. Raises `InvalidRequestError`."""
    try:
        return [kind(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InvalidRequestError(f"{option}: {error}", param=option) from error


def read_text(file: Path | None) -> str | None:
    """The text of a file, if one is named. Raises `InvalidRequestError`."""
    try:
        return None if file is None else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="--prompt-file") from error


def variants_of(
    recipes: list[str], prompts: list[str], text: str | None, changes: Mapping[str, Sequence[object]]
) -> list[dict[str, Any]]:
    """Every combination, each with a label that says it."""
    wordings: list[dict[str, Any]] = [{"prompt": name} for name in prompts]
    if text is not None:
        wordings.append({"text": text})
    keys = list(changes)
    made = []
    for recipe, wording, *values in itertools.product(recipes, wordings or [{}], *changes.values()):
        settings = dict(zip(keys, values, strict=True))
        named = [recipe] if recipe else ["champion"]
        named += [wording["prompt"]] if "prompt" in wording else ["draft"] if wording else []
        named += [f"{key} {value}" for key, value in settings.items() if len(changes[key]) > 1]
        variant: dict[str, Any] = {"label": ", ".join(named), "changes": _nested(settings)}
        if recipe:
            variant["recipe"] = recipe
        if "text" in wording:
            variant["text"] = wording["text"]
        elif wording:
            variant["changes"]["prompt"] = wording["prompt"]
        made.append(variant)
    return made


def run_playground(
    settings: Settings, question: str | None, cases: Path | None, variants: list[dict[str, Any]],
    corpora: list[str], *, as_json: bool,
) -> None:  # fmt: skip
    """Print what the variants answer. Raises what the server answers with, or `UnavailableError`."""
    body: dict[str, Any] = {"variants": variants}
    if (question is None) == (cases is None):
        raise InvalidRequestError("Give either a question or --cases", hint="tandem playground --help")
    body |= {"question": question} if cases is None else {"cases": _cases(cases)}
    if corpora:
        body["tandem"] = {"corpora": corpora}
    columns = [_Column(variant["label"]) for variant in variants]
    many = cases is not None
    with required_server(settings) as client:
        if as_json:
            print_json([event for event in stream_events(client, body) if event["event"] != "delta"])
            return
        with Live(console=stdout, auto_refresh=False, transient=False) as live:
            for event in stream_events(client, body):
                if event["event"] in ("passages", "delta", "done", "error"):
                    _take(columns[event["variant"]], event)
                    live.update(_table(columns, many), refresh=stdout.is_terminal)
            live.update(_table(columns, many), refresh=True)


def stream_events(client: httpx.Client, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events, each with its name as `event`. Raises the server's error."""
    with client.stream("POST", "/api/playground", json=body) as response:
        if not response.is_success:
            raise error_of(response.read())
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield {"event": name, **json.loads(line.removeprefix("data: "))}
                if name == "end":
                    return
    raise UnavailableError("The server broke off", hint="See the server's log; run it again.")


def _nested(settings: dict[str, Any]) -> dict[str, Any]:
    changes = dict(settings)
    if "passages" in changes:
        changes["retrieval"] = {"passages": changes.pop("passages")}
    return changes


def _cases(file: Path) -> list[dict[str, str]]:
    """Questions of a file of JSON lines; what else a line says, such as a reference, is passed over."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="cases") from error
    cases = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cases.append({"question": str(json.loads(line)["question"])})
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidRequestError(
                f"{file}, line {number}: is no JSON object with a question", param="cases"
            ) from error
    if not cases:
        raise InvalidRequestError(f"{file} holds no question", param="cases")
    return cases


def _take(column: _Column, event: dict[str, Any]) -> None:
    case = event["case"]
    if event["event"] == "delta":
        column.text[case] = column.text.get(case, "") + event["text"]
    elif event["event"] == "passages":
        column.found[case] = len(event["passages"])
    elif event["event"] == "done":
        column.done[case] = event
    else:
        column.errors[case] = event["error"]["message"]


def _table(columns: list[_Column], many: bool) -> Table:
    table = Table(expand=True, show_lines=True)
    for title in ("recipe", "answers" if many else "answer", "passages", "tokens", "first", "total", "cost"):
        table.add_column(title, ratio=6 if title == "answer" else None)
    for column in columns:
        done = list(column.done.values())
        said = _counts(column) if many else _text(column)
        cited = sum(len(one["citations"]) for one in done)
        table.add_row(
            escape(column.label),
            said,
            ", ".join(_passages(column, cited if done else None)),
            f"{sum(one['tokens_in'] for one in done)} > {sum(one['tokens_out'] for one in done)}"
            if done
            else "",
            _milliseconds(done, "first_token"),
            _milliseconds(done, "total"),
            _cost(done),
        )
    return table


def _passages(column: _Column, cited: int | None) -> Iterator[str]:
    if column.found:
        yield f"{sum(column.found.values())} found"
    if cited is not None:
        yield f"{cited} cited"


def _counts(column: _Column) -> str:
    abstained = sum(one["abstained"] for one in column.done.values())
    parts = [f"{len(column.done)} done", f"{abstained} abstained"]
    return ", ".join(parts + ([f"[red]{len(column.errors)} failed[/red]"] if column.errors else []))


def _text(column: _Column) -> str:
    if column.errors:
        return f"[red]{escape(next(iter(column.errors.values())))}[/red]"
    return escape(column.text.get(0, "")[:_SHOWN])


def _milliseconds(done: list[dict[str, Any]], step: str) -> str:
    """The mean over the answers that have the step."""
    values = [one["timings"][step] for one in done if step in one["timings"]]
    return f"{sum(values) / len(values):,.0f} ms" if values else ""


def _cost(done: list[dict[str, Any]]) -> str:
    costs = [one["cost"] for one in done if one["cost"] is not None]
    return f"{sum(costs):.6f}" if costs else ""
