"""What cutting passages to excerpts keeps of the answers, and spares of the prompt.

    python -m bench.excerpts [--data ../shared/data/covidqa]

The documents go through the real ingestion; each question of dev gets its best passages by the light reranker.
They are then given whole, as excerpts, or by LlamaIndex's SentenceEmbeddingOptimizer with the same embedder and
the same sentences. Figures: the share of questions of whose answer, to the letter, the passages hold one; that of
those where the first passage does; the tokens of the passages by the default model's tokenizer; and the median
time that the cutting took. Intervals are of 2,000 bootstrap samples of the questions, 95%.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.collection import Ingested, ingested
from bench.machine import machine
from bench.texts import read_lines
from eval.retrieval import answer_rank
from server.answering.excerpts import excerpts
from server.answering.pack import pack
from server.answering.read import readable
from server.answering.support import sentences
from tandem.index import Query
from tandem.models import prepare_model
from tandem.rerank.light import LightReranker
from tandem.retrieval_profile import Reading, retrieval_profile
from tandem.settings import Settings
from tandem.tokens import ModelTokens, load_tokens
from tandem.vocabulary import Passage

_WAYS = ((3, 600, 0), (4, 400, 0), (4, 400, 40), (4, 400, 80), (4, 400, 120), (5, 600, 120), (10, 600, 120))
"""Passages, tokens of all together, tokens of an excerpt; 0 for whole ones."""
_SHARE = 0.4
"""Of each passage's sentences, that LlamaIndex keeps, without those beside them, which it would repeat."""
_SAMPLES = 2_000
_RESULT = Path(__file__).parent / "results" / "excerpts.json"

Cut = Callable[[str, Sequence[Passage]], Sequence[Passage]]


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    arguments = parser.parse_args()
    documents = read_lines(arguments.data / "corpus.jsonl")
    questions = read_lines(arguments.data / "questions.dev.jsonl")
    settings = Settings()
    tokens = load_tokens(prepare_model(settings.engine.model, settings.data_dir, lambda step: None))
    with tempfile.TemporaryDirectory() as folder:
        ways = asyncio.run(_measure(Path(folder), documents, questions, tokens))
    report = {
        "command": "python -m bench.excerpts",
        "machine": machine(),
        "documents": len(documents),
        "questions": len(questions),
        "ways": ways,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


async def _measure(
    folder: Path, documents: list[Any], questions: list[Any], tokens: ModelTokens
) -> dict[str, Any]:
    async with ingested(documents, folder) as there:
        found = [await _passages(there, asked["question"]) for asked in questions]
        made: dict[str, Any] = {}
        for passages, room, most in _WAYS:
            name = f"{passages} passages, {f'excerpts of {most}' if most else 'whole'}, in {room} tokens"
            cut = _excerpts(passages, room, most, tokens)
            made[name] = _figures(questions, found, cut, tokens)
            print(json.dumps({name: made[name]}), flush=True)
        name = f"4 passages, LlamaIndex's best {_SHARE:.0%} of the sentences"
        made[name] = _figures(questions, found, _llama_index(there, 4), tokens)
        return made


async def _passages(there: Ingested, question: str) -> list[Passage]:
    profile = retrieval_profile(there.settings)
    most = there.settings.retrieval.rerank_candidates
    query = Query(question, await there.embedder.embed_query(question), most, fusion=profile.fusion)
    found = await there.index.search(there.scope, query)
    order = np.argsort(-np.array(LightReranker().score(question, found)), kind="stable")
    return readable([found[place] for place in order], 10, Reading())


def _excerpts(passages: int, room: int, most: int, tokens: ModelTokens) -> Cut:
    def cut(question: str, found: Sequence[Passage]) -> Sequence[Passage]:
        best = found[:passages]
        return pack(excerpts(question, best, most, tokens) if most else best, room, tokens, cut_last=False)

    return cut


def _llama_index(there: Ingested, passages: int) -> Cut:
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.postprocessor import SentenceEmbeddingOptimizer
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class Same(BaseEmbedding):  # type: ignore[misc]
        """Tandem's embedder."""

        def _get_query_embedding(self, query: str) -> list[float]:
            return list(map(float, there.embedder.embed_documents([query])[0]))

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return [list(map(float, one)) for one in there.embedder.embed_documents(texts)]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    def split(text: str) -> list[str]:
        return [text[one.start : one.end] for one in sentences(text)]

    optimizer = SentenceEmbeddingOptimizer(
        embed_model=Same(), percentile_cutoff=_SHARE, tokenizer_fn=split, context_before=0, context_after=0
    )

    def cut(question: str, found: Sequence[Passage]) -> Sequence[Passage]:
        kept = []
        for passage in found[:passages]:
            node = NodeWithScore(node=TextNode(text=passage.chunk.text))
            try:
                (short,) = optimizer.postprocess_nodes([node], QueryBundle(question))
            except ValueError:  # it refuses where nothing would stay
                continue
            kept.append(replace(passage, chunk=replace(passage.chunk, text=short.node.get_content())))
        return kept

    return cut


def _figures(
    questions: Sequence[Any], found: Sequence[Sequence[Passage]], cut: Cut, tokens: ModelTokens
) -> dict[str, Any]:
    ranks, sizes, spent = [], [], []
    for asked, passages in zip(questions, found, strict=True):
        begun = time.perf_counter()
        shown = cut(asked["question"], passages)
        spent.append((time.perf_counter() - begun) * 1000)
        texts = [one.chunk.text for one in shown]
        ranks.append(answer_rank(asked["answers"], texts))
        sizes.append(sum(tokens.count(text) for text in texts))
    return {
        "answer_in_the_passages": _with_interval([rank is not None for rank in ranks]),
        "answer_in_the_first": _with_interval([rank == 1 for rank in ranks]),
        "tokens": round(statistics.mean(sizes)),
        "median_ms": round(statistics.median(spent), 2),
    }


def _with_interval(hits: Sequence[bool]) -> list[float]:
    values = np.array(hits, float)
    draws = np.random.default_rng(0).integers(0, len(values), (_SAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(1), (2.5, 97.5))
    return [round(float(100 * value), 1) for value in (values.mean(), low, high)]


if __name__ == "__main__":
    main()
