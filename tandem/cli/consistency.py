"""`tandem consistency`: whether a recipe of the running server says the same to the same question."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from eval.consistency import MEASURES, Consistency, Told, measure, read_cases
from tandem.cli.output import print_json, progress, stdout
from tandem.cli.remote import checked, required_server
from tandem.embedding import load_embedder
from tandem.recipes import MODEL
from tandem.settings import Settings


def measure_consistency(
    settings: Settings,
    file: Path,
    recipe: str | None,
    corpora: list[str],
    runs: int,
    temperature: float | None,
    *,
    as_json: bool,
) -> None:
    """Print the estimates. Raises `InvalidRequestError` for the file, and what the server answers with."""
    cases = read_cases(file)
    body: dict[str, Any] = {"model": f"{MODEL}:{recipe}" if recipe else MODEL}
    if corpora:
        body["tandem"] = {"corpora": corpora}
    if temperature is not None:
        body["temperature"] = temperature
    with required_server(settings) as client:

        def ask(question: str) -> Told:
            return _told(client, body | {"messages": [{"role": "user", "content": question}]})

        progress("Loading the embedder")
        embedder = load_embedder(settings.embedding, settings.data_dir)
        try:
            found = measure(cases, ask, embedder.embed_documents, runs, _tell)
        finally:
            embedder.close()
    if as_json:
        print_json(asdict(found))
    else:
        _print(found, recipe or "the champion")


def _told(client: httpx.Client, body: dict[str, Any]) -> Told:
    # A kept answer would agree with itself, and passages in place of one are none.
    body = body | {"tandem": body.get("tandem", {}) | {"degrade": False, "keep": False}}
    reply = checked(
        client.post("/v1/chat/completions", json=body, headers={"Cache-Control": "no-store"}, timeout=600)
    )
    message, tandem = reply["choices"][0]["message"], reply["tandem"]
    documents = frozenset(citation["document_id"] for citation in tandem["citations"])
    return Told(message["content"] or message["refusal"] or "", documents, tandem["abstained"])


def _tell(done: int, total: int) -> None:
    if done % 10 == 0 or done == total:
        progress(f"{done} of {total} answers")


def _print(found: Consistency, recipe: str) -> None:
    table = Table(title=f"Consistency of {recipe}: {found.cases} cases, {found.answers} answers")
    table.add_column("measure")
    for name in ("across paraphrases", "across runs"):
        table.add_column(name, justify="right")
    for measured in MEASURES:
        cells = [
            f"{each[measured].mean:.3f} [{each[measured].low:.3f}, {each[measured].high:.3f}]"
            if each
            else "-"
            for each in (found.paraphrases, found.runs)
        ]
        table.add_row(measured, *(cell.replace("[", "\\[") for cell in cells))
    stdout.print(table)
