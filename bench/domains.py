"""What questions of two domains bring, from a corpus that holds their documents and from one that does not.

For `bench.drift` and `bench.outside`. Four corpora stand in one index: the documents of CovidQA's dev questions and
all its others, and PubMedQA's abstracts in two halves. Each question is embedded and searched for as an answer does
it, in every choice of corpora that a benchmark asks about.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.texts import read_lines
from eval.sets import read_cases
from ingest import Ingestor, Upload
from server.answering.evidence import evidence_of
from server.answering.read import as_parents, readable
from server.calibration import bundled_calibration
from tandem.embedding import Embedder, load_embedder
from tandem.index import Index, Query, open_index
from tandem.live import Collection, Live
from tandem.retrieval_profile import retrieval_profile
from tandem.settings import Settings
from tandem.store import open_store
from tandem.vocabulary import Caller, Scope

Floats = NDArray[np.float32]

COVID_DEV, COVID_REST, PUBMED_A, PUBMED_B = "covid-dev", "covid-rest", "pubmed-a", "pubmed-b"
SEARCHED = {
    "covidqa": (COVID_DEV, COVID_REST),
    "covidqa, dev articles only": (COVID_DEV,),
    "pubmedqa": (PUBMED_A, PUBMED_B),
    "pubmedqa, one half": (PUBMED_A,),
}
"""Choices of corpora, by name."""
_PAGES = Path(__file__).parent.parent / "eval" / "sets" / "tandem_docs.jsonl"
MOST_PASSAGES = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions of one set."""

    vectors: Floats
    """Shape (questions, dimension)."""
    cosines: dict[str, Floats]
    """By what was searched: cosines of the passages, best first in rank, NaN where there are fewer."""
    evidence: dict[str, Floats]


def asked_all(data: Path, kept: Path | None) -> dict[str, Asked]:
    """By set: `covidqa dev`, `covidqa rest`, `pubmedqa a`, `pubmedqa b`, `tandem pages`.

    `kept` is a file that another run may have left, or that this one leaves: nothing in it depends on chance.
    """
    if kept is not None and kept.is_file():
        return _read(kept)
    with tempfile.TemporaryDirectory() as folder:
        made = asyncio.run(_ask_all(data, Path(folder)))
    if kept is not None:
        _write(made, kept)
    return made


def question_sets(data: Path) -> dict[str, list[str]]:
    """The questions of each set."""
    pubmed = read_lines(data / "pubmedqa" / "questions.jsonl")
    half = _half_of(data)
    return {
        "covidqa dev": _words(read_lines(data / "covidqa" / "questions.dev.jsonl")),
        "covidqa rest": _words(read_lines(data / "covidqa" / "questions.train.jsonl")),
        "pubmedqa a": _words([one for one in pubmed if one["doc_ids"][0] in half]),
        "pubmedqa b": _words([one for one in pubmed if one["doc_ids"][0] not in half]),
        "tandem pages": [case.question for case in read_cases(_PAGES)],
    }


async def _ask_all(data: Path, folder: Path) -> dict[str, Asked]:
    settings = Settings(data_dir=folder)
    embedder = load_embedder(settings.embedding)
    store = open_store(settings.store, folder)
    index = await open_index(
        settings.index, folder, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    try:
        ingestor = Ingestor(store, Live(Collection(None, index, embedder)), settings.ingest)
        for corpus, documents in _corpora(data).items():
            for document in documents:
                content = f"{document['title']}\n\n{document['text']}".encode()
                await ingestor.ingest(
                    Caller(), corpus, Upload(uri=document["id"], name="document.txt", content=content)
                )
            print(corpus, len(documents), "documents", flush=True)
        return {
            name: await _asked(questions, index, embedder, settings)
            for name, questions in question_sets(data).items()
        }
    finally:
        await index.close()
        store.close()
        embedder.close()


async def _asked(questions: list[str], index: Index, embedder: Embedder, settings: Settings) -> Asked:
    profile = retrieval_profile(settings)
    vectors = np.stack([await embedder.embed_query(question) for question in questions])
    cosines = {name: np.full((len(questions), MOST_PASSAGES), np.nan, np.float32) for name in SEARCHED}
    evidence = {name: np.zeros(len(questions), np.float32) for name in SEARCHED}
    for name, corpora in SEARCHED.items():
        scope = Scope.of(Caller(), corpora)
        for place, (question, vector) in enumerate(zip(questions, vectors, strict=True)):
            query = Query(question, vector, 2 * profile.passages, profile.leg, profile.fusion)
            found = readable(as_parents(await index.search(scope, query)), profile.passages, profile.reading)
            near = [passage.similarity for passage in found][:MOST_PASSAGES]
            cosines[name][place, : len(near)] = near
            evidence[name][place] = evidence_of(question, found, bundled_calibration())
    return Asked(vectors, cosines, evidence)


def _corpora(data: Path) -> dict[str, list[Any]]:
    dev = {
        document
        for line in read_lines(data / "covidqa" / "questions.dev.jsonl")
        for document in line["doc_ids"]
    }
    covid = read_lines(data / "covidqa" / "corpus.jsonl")
    half = _half_of(data)
    pubmed = read_lines(data / "pubmedqa" / "corpus.jsonl")
    return {
        COVID_DEV: [one for one in covid if one["id"] in dev],
        COVID_REST: [one for one in covid if one["id"] not in dev],
        PUBMED_A: [one for one in pubmed if one["id"] in half],
        PUBMED_B: [one for one in pubmed if one["id"] not in half],
    }


def _half_of(data: Path) -> set[str]:
    return {one["id"] for one in read_lines(data / "pubmedqa" / "corpus.jsonl")[::2]}


def _words(lines: list[Any]) -> list[str]:
    return [line["question"] for line in lines]


def _write(asked: dict[str, Asked], file: Path) -> None:
    arrays: dict[str, Any] = {}
    for name, one in asked.items():
        arrays[f"{name}|vectors"] = one.vectors
        for searched in SEARCHED:
            arrays[f"{name}|cosines|{searched}"] = one.cosines[searched]
            arrays[f"{name}|evidence|{searched}"] = one.evidence[searched]
    np.savez(file, **arrays)


def _read(file: Path) -> dict[str, Asked]:
    with np.load(file) as arrays:
        names = dict.fromkeys(key.split("|")[0] for key in arrays.files)
        return {
            name: Asked(
                arrays[f"{name}|vectors"],
                {searched: arrays[f"{name}|cosines|{searched}"] for searched in SEARCHED},
                {searched: arrays[f"{name}|evidence|{searched}"] for searched in SEARCHED},
            )
            for name in names
        }
