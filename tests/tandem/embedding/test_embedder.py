import asyncio
import threading
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pytest

from tandem.embedding import Embedder, load_embedder
from tandem.embedding.embedder import Prompts
from tandem.embedding.encoder import Pass
from tandem.index.protocol import Vector
from tandem.settings import EmbeddingSettings

TEXTS = [
    "A virus enters the cell.",
    "",
    "Bread is baked in an oven at two hundred degrees, and it must rise before that. " * 6,
    "Cells are entered by viruses, which bind to a receptor first.",
    "Ünïcödé, 漢字 and \x00 too",
]


def test_vectors_have_the_promised_shape_type_and_length(embedder: Embedder):
    vectors = embedder.embed_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (5, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_the_same_text_gives_the_same_vector(embedder: Embedder):
    np.testing.assert_array_equal(embedder.embed_documents(TEXTS), embedder.embed_documents(TEXTS))


def test_batches_by_length_give_vectors_in_the_order_of_the_texts(embedder: Embedder):
    texts = [f"{'word ' * (place * 7 % 60)}number {place}" for place in range(70)]
    alone = np.concatenate([embedder.embed_documents([text]) for text in texts])
    np.testing.assert_allclose(embedder.embed_documents(texts), alone, atol=1e-5)


def test_like_meanings_are_nearer_than_unlike_ones(embedder: Embedder):
    virus, _, bread, cells, _ = embedder.embed_documents(TEXTS)
    assert virus @ cells > 0.5 > virus @ bread


def test_no_texts_give_no_vectors(embedder: Embedder):
    assert embedder.embed_documents([]).shape == (0, 384)


def test_progress_counts_up_to_all_texts(embedder: Embedder):
    seen: list[int] = []
    embedder.embed_documents(["text"] * 70, seen.append)
    assert seen == [32, 64, 70]
    seen.clear()
    embedder.embed_documents(["word " * 200] * 12, seen.append)
    assert seen[-1] == 12
    assert seen == sorted(set(seen))


async def test_a_question_without_prompt_is_embedded_as_a_document_is(embedder: Embedder):
    vector = await embedder.embed_query(TEXTS[0])
    assert vector.shape == (384,)
    np.testing.assert_allclose(vector, embedder.embed_documents(TEXTS[:1])[0], atol=1e-6)


async def test_prompts_change_vectors_and_fingerprint(embedder: Embedder):
    settings = EmbeddingSettings(
        query_prompt="question: ", document_prompt="passage of an article: ", dtype="float32"
    )
    asking = load_embedder(settings)
    try:
        document, question = asking.embed_documents(TEXTS[:1])[0], await asking.embed_query(TEXTS[0])
        expected = embedder.embed_documents([f"passage of an article: {TEXTS[0]}", f"question: {TEXTS[0]}"])
        np.testing.assert_allclose([document, question], expected, atol=1e-5)
        assert document @ question < 0.999
        assert asking.fingerprint != embedder.fingerprint
        assert asking.max_tokens == embedder.max_tokens - 5
    finally:
        asking.close()


def test_bfloat16_means_the_same_as_float32(embedder: Embedder):
    half = load_embedder(EmbeddingSettings(dtype="bfloat16"))
    cosines = (half.embed_documents(TEXTS) * embedder.embed_documents(TEXTS)).sum(axis=1)
    half.close()
    assert cosines.min() > 0.995
    assert half.fingerprint == embedder.fingerprint


def test_tokens_are_counted_without_the_marks_and_without_an_end(embedder: Embedder):
    assert embedder.count_tokens("") == 0
    assert embedder.count_tokens("word " * 1_000) == 1_000
    assert embedder.max_tokens == 254


def test_only_what_is_over_the_limit_is_cut_off(embedder: Embedder):
    whole = "word " * (embedder.max_tokens - 1)
    inside, outside = embedder.embed_documents([whole + "bread", whole + "word bread"])
    assert not np.allclose(inside, outside, atol=1e-4)
    np.testing.assert_allclose(outside, embedder.embed_documents([whole + "word virus"])[0], atol=1e-5)


class FakeSlowEncoder:
    """Each pass waits to be let on, so that the order of passes can be seen."""

    dimension, max_tokens, spare = 2, 100, 0

    def __init__(self, parallel: int = 1) -> None:
        self.parallel = parallel
        self.seen: list[str] = []
        self.started, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def passes(self, texts: Sequence[str], prompt: str, batch_size: int) -> Iterator[Pass]:
        for place, text in enumerate(texts):
            yield Pass([place], partial(self._run, text))

    def _run(self, text: str) -> Vector:
        self.seen.append(text)
        self.started.release()
        assert self.go_on.acquire(timeout=30)
        return np.ones((1, 2), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def token_starts(self, text: str) -> list[int]:
        raise NotImplementedError

    def close(self) -> None:
        pass


async def test_a_question_waits_for_one_batch_and_not_for_the_ingestion():
    encoder = FakeSlowEncoder()
    embedder = Embedder(encoder, Prompts(), "fake", batch_size=1)
    ingestion = asyncio.create_task(asyncio.to_thread(embedder.embed_documents, ["batch"] * 4))
    await asyncio.to_thread(encoder.started.acquire)
    question = asyncio.create_task(embedder.embed_query("question"))
    while not embedder._gate._questions:  # until it stands in line
        await asyncio.sleep(0.001)
    encoder.go_on.release(5)
    await asyncio.gather(question, ingestion)
    embedder.close()
    assert encoder.seen == ["batch", "question", "batch", "batch", "batch"]


async def test_two_passes_run_side_by_side_and_a_question_takes_the_next_place():
    encoder = FakeSlowEncoder(parallel=2)
    embedder = Embedder(encoder, Prompts(), "fake", batch_size=1)
    ingestion = asyncio.create_task(asyncio.to_thread(embedder.embed_documents, ["batch"] * 5))
    for _ in range(2):
        assert await asyncio.to_thread(encoder.started.acquire, timeout=30)
    question = asyncio.create_task(embedder.embed_query("question"))
    while not embedder._gate._questions:  # until it stands in line
        await asyncio.sleep(0.001)
    assert encoder.seen == ["batch", "batch"]
    encoder.go_on.release(1)
    assert await asyncio.to_thread(encoder.started.acquire, timeout=30)
    assert encoder.seen == ["batch", "batch", "question"]
    encoder.go_on.release(5)
    await asyncio.gather(question, ingestion)
    embedder.close()
    assert encoder.seen.count("batch") == 5


def test_progress_that_raises_ends_the_work(embedder: Embedder):
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embedder.embed_documents(["word " * 200] * 1_000, stop)
    assert embedder.embed_documents(["still there"]).shape == (1, 384)


async def test_a_fault_in_one_pass_does_not_block_the_next(embedder: Embedder):
    with pytest.raises((TypeError, ValueError)):
        embedder.embed_documents([b"bytes"])  # type: ignore[list-item]
    assert (await embedder.embed_query("still there")).shape == (384,)
