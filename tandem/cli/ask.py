"""`tandem ask`: one question to the running server, streamed to the terminal."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
from rich.markup import escape

from tandem.cli.output import print_json, stdout
from tandem.cli.remote import error_of, required_server
from tandem.errors import UnavailableError
from tandem.recipes import MODEL
from tandem.settings import Settings


def ask_server(
    settings: Settings, question: str, corpora: list[str], recipe: str | None, *, as_json: bool
) -> None:
    """Print the answer and its sources. Raises what the server answers with, or `UnavailableError`."""
    with required_server(settings) as client:
        text = ""
        last: dict[str, Any] = {}
        for event in stream_answer(client, question, corpora, recipe):
            for choice in event["choices"]:
                piece = choice["delta"].get("content", "")
                text += piece
                if not as_json:
                    print(piece, end="", flush=True)
            last = event.get("tandem", last)
    if as_json:
        print_json({"answer": text, **last})
    else:
        print_sources(last)


def stream_answer(
    client: httpx.Client, question: str, corpora: list[str], recipe: str | None
) -> Iterator[dict[str, Any]]:
    """The events of one streamed answer. Raises the server's error, also one in the middle of the stream."""
    body: dict[str, Any] = {
        "model": f"{MODEL}:{recipe}" if recipe else MODEL,
        "messages": [{"role": "user", "content": question}],
        "stream": True,
    }
    if corpora:
        body["tandem"] = {"corpora": corpora}
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        if not response.is_success:
            raise error_of(response.read())
        for line in response.iter_lines():
            if line == "data: [DONE]":
                return
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                if "error" in event:
                    raise error_of(line.removeprefix("data: ").encode())
                yield event
    raise UnavailableError(
        "The server broke off in the middle of the answer", hint="See the server's log; ask again."
    )


def print_sources(tandem: dict[str, Any]) -> None:
    """The sources and the timings below an answer."""
    stdout.print()
    for citation in tandem["citations"]:
        place = f", page {citation['page']}" if citation["page"] else ""
        section = f", {citation['section']}" if citation["section"] else ""
        stdout.print(f"\n[bold]\\[{citation['n']}][/bold] {escape(citation['title'] + place + section)}")
        stdout.print(f"    [italic]{escape(' '.join(citation['quote'].split()))}[/italic]")
        stdout.print(f"    [dim]{escape(citation['uri'])}[/dim]")
    steps = ", ".join(f"{name} {value:,.0f} ms" for name, value in tandem["timings"].items())
    stdout.print(f"\n[dim]recipe {tandem['recipe']} · {steps} · trace {tandem['trace_id']}[/dim]")
