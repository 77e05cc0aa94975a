"""Whether an embedder tuned on questions of some documents finds answers better in documents it never saw.

    python -m bench.tuned_embedder [--data ../shared/data] [--epochs 4]

Trained on covidqa's training questions with `finetune.embedder`, epoch and mixture chosen on a fifth of their
documents; measured on the dev questions, whose documents are others, among the chunks of all documents. Answer
figures are those of `bench.retrieval`: whether a chunk holds the answer's text, over the questions whose answer
is whole in some chunk, of whatever document. `dense` is the embedder alone, `hybrid` the default retrieval with
its default weights. pubmedqa, of which nothing was trained on, shows what is lost elsewhere: ranks are of
documents there. Both embedders run as they are served (OpenVINO here). Gains are paired by question, with 95%
intervals of 2,000 bootstrap samples.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.machine import machine
from bench.texts import read_lines
from finetune.embedder import Asked, Pair, TuningOptions, pair_up, read_asked, split_pairs, tune
from finetune.embedder.keeping import Origins, metrics_of, write_folder, writer
from finetune.embedder.measuring import Ranks, gained, measure
from finetune.embedder.model import load_model
from finetune.embedder.questions import hash_of
from finetune.embedder.training import Progress
from ingest.chunking import Chunker
from tandem.embedding import Embedder, load_embedder
from tandem.embedding.loading import embedder_folder, prompts_of
from tandem.index import Leg
from tandem.resampling import bootstrap_mean
from tandem.retrieval_profile import retrieval_profile
from tandem.settings import EmbeddingSettings, Settings
from tandem.vocabulary import Chunk, Document

_RESULT = Path(__file__).parent / "results" / "tuned_embedder.json"
_FUSION = retrieval_profile(Settings()).fusion


def main() -> None:
    """Tune, measure, print and keep the result."""
    usual = TuningOptions()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--epochs", type=int, default=usual.epochs)
    parser.add_argument("--lr", type=float, default=usual.lr)
    parser.add_argument("--negatives", default=usual.negatives)
    parser.add_argument("--mini-batch", type=int, default=usual.mini_batch)
    parser.add_argument("--haystack", type=int, default=usual.haystack)
    parser.add_argument(
        "--keep", type=Path, help="folder for the tuned model; if it is there, it is measured"
    )
    arguments = parser.parse_args()
    options = TuningOptions(
        epochs=arguments.epochs,
        lr=arguments.lr,
        negatives=arguments.negatives,
        mini_batch=arguments.mini_batch,
        haystack=arguments.haystack,
    )
    with tempfile.TemporaryDirectory() as scratch:
        tuned = arguments.keep or Path(scratch) / "tuned"
        if not tuned.exists():
            _tune(arguments.data / "covidqa", options, tuned)
        report = {
            "command": _command(options),
            "machine": machine() | {"load_average": round(psutil.getloadavg()[0], 1)},
            "tuning": json.loads((tuned / "tuning.json").read_text()),
            "sets": _measured(arguments.data, tuned),
        }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _command(options: TuningOptions) -> str:
    """As it can be said anywhere: without the folders of this machine."""
    usual = TuningOptions()
    named = {name: getattr(options, name) for name in ("epochs", "lr", "negatives", "mini_batch", "haystack")}
    flags = (
        f" --{name.replace('_', '-')} {value}"
        for name, value in named.items()
        if value != getattr(usual, name)
    )
    return "python -m bench.tuned_embedder" + "".join(flags)


def _tune(data: Path, options: TuningOptions, goal: Path) -> None:
    """The tuned model in the folder `goal`, with what its training and validation said."""
    asked = read_asked(data / "questions.train.jsonl")
    unseen = {name for one in read_asked(data / "questions.dev.jsonl") for name in one.documents}
    shared = unseen & {name for one in asked for name in one.documents}
    if shared:
        raise SystemExit(f"train and dev share documents: {sorted(shared)}")
    settings = EmbeddingSettings()
    with closing(load_embedder(settings)) as embedder:
        base = embedder.fingerprint
        lines = [line for line in read_lines(data / "corpus.jsonl") if line["id"] not in unseen]
        chunks = _cut(lines, embedder)
    pairs = pair_up(asked, chunks)
    split = split_pairs(pairs, options.validation_share, options.seed)
    folder = embedder_folder(settings.model)
    prompts = prompts_of(folder, settings)
    model = load_model(folder)
    tuned = tune(model, chunks, split, prompts, _FUSION, options, _say, _report)
    origins = Origins(settings.model, base, prompts, hash_of(asked), "covidqa", len(asked) - len(pairs))
    metrics = metrics_of(tuned, split, origins, Leg.HYBRID, bootstrap_mean)
    facts = write_folder(goal, writer(model, tuned, metrics, origins, options))
    (goal / "tuning.json").write_text(
        json.dumps(
            {"seconds": facts.seconds, "parameters": facts.parameters, "validation": metrics}, indent=2
        )
    )


def _measured(data: Path, tuned: Path) -> dict[str, Any]:
    sets = {
        "covidqa, questions.dev.jsonl, answer in a chunk": ("covidqa", "questions.dev.jsonl", False),
        "pubmedqa, questions.jsonl, document": ("pubmedqa", "questions.jsonl", True),
    }
    settings = EmbeddingSettings()
    ranks: dict[str, list[Ranks]] = {name: [] for name in sets}
    sizes: dict[str, dict[str, int]] = {}
    for model in (settings.model, str(tuned)):
        with closing(load_embedder(settings.model_copy(update={"model": model}))) as embedder:
            for name, (corpus, file, documents) in sets.items():
                _say(f"Measuring {model} on {name}")
                chunks = _cut(read_lines(data / corpus / "corpus.jsonl"), embedder)
                pairs = _pairs(read_asked(data / corpus / file), chunks, documents=documents)
                sizes[name] = {"chunks": len(chunks), "questions": len(pairs)}
                found = asyncio.run(_ranks(pairs, chunks, embedder, documents=documents))
                ranks[name].append(found)
    return {
        name: sizes[name]
        | {
            "base": before.figures(),
            "tuned": after.figures(),
            "gain": gained(before, after, bootstrap_mean),
        }
        for name, (before, after) in ranks.items()
    }


async def _ranks(pairs: Sequence[Pair], chunks: list[Chunk], embedder: Embedder, *, documents: bool) -> Ranks:
    vectors = embedder.embed_documents([chunk.indexed_text for chunk in chunks])
    asked = np.stack([await embedder.embed_query(pair.question) for pair in pairs])
    return await measure(pairs, chunks, vectors, asked, _FUSION, documents=documents)


def _pairs(asked: Sequence[Asked], chunks: Sequence[Chunk], *, documents: bool) -> list[Pair]:
    """By the answer, in whatever document it stands, as `bench.retrieval` has it; or by the document alone."""
    if not documents:
        return pair_up([replace(one, documents=()) for one in asked], chunks)
    ids = {chunk.uri: chunk.document_id for chunk in chunks}
    return [
        Pair(one.question, (), frozenset(), frozenset(ids[name] for name in one.documents)) for one in asked
    ]


class _AsSettings:
    """Stands for a store in which no corpus is cut otherwise than the settings say."""

    def splitting_of(self, tenant: str, corpus: str) -> dict[str, Any]:
        return {}


def _cut(lines: Sequence[Any], embedder: Embedder) -> list[Chunk]:
    """The chunks as ingestion makes them of plain text."""
    chunker = Chunker(_AsSettings(), lambda: embedder, Settings().ingest)
    documents = [
        Document(
            tenant="default",
            corpus="bench",
            uri=line["id"],
            title=line["title"],
            media_type="text/plain",
            text=f"{line['title']}\n\n{line['text']}",
            content_hash="0" * 64,
        )
        for line in lines
    ]
    return [chunk for document in documents for chunk in chunker.split(document, "v1").chunks]


_BEGUN = time.monotonic()


def _say(text: str) -> None:
    print(f"{time.monotonic() - _BEGUN:6.0f} s  {text}", file=sys.stderr, flush=True)


def _report(now: Progress) -> None:
    if now.step % 5 == 0:
        _say(f"step {now.step} of {now.steps}, loss {now.loss:.3f}, {now.pairs_per_s:.1f} pairs/s")


if __name__ == "__main__":
    main()
