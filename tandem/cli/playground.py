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

from tandem.cli.eval_cases import cases_of
from tandem.cli.output import print_json, progress, stdout
from tandem.cli.remote import checked, error_of, required_server
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
    settings: Settings, question: str | None, cases: Path | str | None, variants: list[dict[str, Any]],
    corpora: list[str], *, as_json: bool,
) -> None:  # fmt: skip
    """Print what the variants answer to a question, or to the cases of a file or of an eval set.

    Raises what the server answers with, `InvalidRequestError` and `NotFoundError` for the cases, or `UnavailableError`.
    """
    body: dict[str, Any] = {"variants": variants}
    body |= {"question": question} if cases is None else {"cases": _cases(settings, cases)}
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


def save_winner(
    settings: Settings, variants: Sequence[dict[str, Any]], name: str, note: str, *, as_json: bool
) -> None:
    """Save the one variant there is as a version of the recipe `name`; a text that it tries, as one of the prompt.

    Raises what the server answers with, and `InvalidRequestError` where there are several.
    """
    if len(variants) > 1:
        raise InvalidRequestError(
            f"{len(variants)} combinations are named, and one can be saved",
            param="--save",
            hint="Name the winner alone: one recipe, one prompt, one value of each option.",
        )
    body = {"name": name, "variant": variants[0], "note": note}
    with required_server(settings) as client:
        reply = client.post("/api/playground/save", json=body)
        saved = checked(reply)
    made = "saved" if reply.status_code == 201 else "unchanged"
    tell = progress if as_json else stdout.print  # the events are the JSON
    tell(f"{made}  {name}@{saved['number']}  {saved['version']}")


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


def _cases(settings: Settings, given: Path | str) -> list[dict[str, Any]]:
    """Questions with what came before them; what else a case says, such as a reference, is passed over."""
    cases, _ = cases_of(settings, given)
    return [
        {"question": case.question, "history": [turn.model_dump() for turn in case.history]} for case in cases
    ]


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
