"""What splitting costs: CPU time a chunk, by strategy, with the default embedder's tokenizer.

    python -m bench.splitting [--data ../shared/data/covidqa]

Each strategy starts with no word known, as a new process does, and goes through the corpus twice; `warm`
is the second time. Counting the tokens of every chunk is part of it. `tokenizer_ms` is what the tokenizer
alone takes for the texts of the chunks: a floor for whoever counts each chunk once. `semantic` is left out:
nearly all of its time is that of the embedder.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench.machine import machine
from ingest.splitting import Cut, Split, Splitter
from tandem.embedding import Embedder, load_embedder
from tandem.settings import EmbeddingSettings
from tandem.vocabulary import Document

T = TypeVar("T")

_PLANS = {
    "sentence": Cut("sentence", 180, 30, 720, False),
    "sentence with header": Cut("sentence", 180, 30, 720, True),
    "markdown": Cut("markdown", 180, 30, 720, False),
    "parent": Cut("parent", 180, 30, 720, False),
}
_RESULT = Path(__file__).parent / "results" / "splitting.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    documents = _documents(parser.parse_args().data / "corpus.jsonl")
    embedder = load_embedder(EmbeddingSettings())
    Splitter(embedder).split(documents[0], "v1", _PLANS["sentence"])  # loads LlamaIndex
    try:
        plans = {name: _measured(documents, cut, embedder) for name, cut in _PLANS.items()}
    finally:
        embedder.close()
    report = {"command": "python -m bench.splitting", "machine": machine(), "documents": len(documents)}
    report |= {"plans": plans}
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _measured(documents: Sequence[Document], cut: Cut, embedder: Embedder) -> dict[str, Any]:
    splitter = Splitter(embedder)

    def split() -> list[Split]:
        return [splitter.split(document, "v1", cut) for document in documents]

    cold, splits = _cpu_ms(split)
    warm, _ = _cpu_ms(split)
    texts = [chunk.indexed_text for one in splits for chunk in one.chunks]
    alone, sizes = _cpu_ms(lambda: [embedder.count_tokens(text) for text in texts])
    return {
        "chunks": len(texts),
        "mean_tokens": round(sum(sizes) / len(sizes), 1),
        "longest_tokens": max(sizes),
        "cold_ms": round(cold / len(texts), 3),
        "warm_ms": round(warm / len(texts), 3),
        "tokenizer_ms": round(alone / len(texts), 3),
    }


def _cpu_ms(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.process_time()
    result = work()
    return (time.process_time() - begun) * 1000, result


def _documents(file: Path) -> list[Document]:
    lines = [json.loads(line) for line in file.read_text().splitlines() if line]
    return [
        Document(
            tenant="bench",
            corpus="bench",
            uri=line["id"],
            title=line["title"],
            media_type="text/plain",
            text=f"{line['title']}\n\n{line['text']}",
            content_hash="0" * 64,
        )
        for line in lines
    ]


if __name__ == "__main__":
    main()
