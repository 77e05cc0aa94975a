"""Questions that are asked at once: who shares a pass, and what one asker's fate means to the others."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from tandem.embedding import Embedder
from tandem.embedding.gate import ForwardGate
from tandem.embedding.questions import QuestionBatches
from tandem.errors import InvalidRequestError, UnavailableError
from tandem.index.protocol import Vector

_WAIT_S = 30


class FakeModelThatWaits:
    """Gives each text its length; every call waits to be let on, so that it is seen who shares it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.started, self.go_on = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, texts: Sequence[str], /) -> Vector:
        self.batches.append(list(texts))
        self.started.release()
        assert self.go_on.acquire(timeout=_WAIT_S)
        if len(texts) > 1 and "out of reach" in texts:
            raise UnavailableError("the model is away")
        if "bad" in texts:
            raise InvalidRequestError("a bad text")
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    def until_started(self) -> None:
        assert self.started.acquire(timeout=_WAIT_S)


def _lengths(asked: Sequence["Future[Vector]"]) -> list[float]:
    return [float(one.result(_WAIT_S)[0]) for one in asked]


def _questions(model: FakeModelThatWaits, *, lanes: int = 1, most: int = 32) -> QuestionBatches:
    return QuestionBatches(model, ForwardGate(lanes), lanes, most)


def test_an_idle_model_is_asked_at_once_and_what_waits_shares_the_next_pass():
    model = FakeModelThatWaits()
    questions = _questions(model)
    first = questions.ask("a")
    model.until_started()
    rest = [questions.ask(text) for text in ("bb", "ccc", "dddd")]
    model.go_on.release(9)
    assert _lengths([first, *rest]) == [1, 2, 3, 4]
    assert model.batches == [["a"], ["bb", "ccc", "dddd"]]
    questions.close()


def test_lanes_share_what_waits():
    model = FakeModelThatWaits()
    questions = _questions(model, lanes=2)
    first = [questions.ask("a")]
    model.until_started()
    first.append(questions.ask("b"))
    model.until_started()
    rest = [questions.ask("x" * count) for count in range(1, 7)]
    model.go_on.release(20)
    assert _lengths(first + rest) == [1, 1, 1, 2, 3, 4, 5, 6]
    assert len(model.batches[2]) == 3
    questions.close()


def test_no_batch_is_longer_than_the_longest():
    model = FakeModelThatWaits()
    questions = _questions(model, most=4)
    asked = [questions.ask("a")]
    model.until_started()
    asked += [questions.ask("b") for _ in range(10)]
    model.go_on.release(20)
    assert _lengths(asked) == [1.0] * 11
    assert [len(batch) for batch in model.batches] == [1, 4, 4, 2]
    questions.close()


def test_a_bad_text_is_the_fault_of_its_asker_alone():
    model = FakeModelThatWaits()
    questions = _questions(model)
    first = questions.ask("a")
    model.until_started()
    good, bad, late = (questions.ask(text) for text in ("good", "bad", "last"))
    model.go_on.release(20)
    assert _lengths([first, good, late]) == [1, 4, 4]
    with pytest.raises(InvalidRequestError):
        bad.result(_WAIT_S)
    questions.close()


def test_a_model_out_of_reach_is_not_tried_again_for_each_asker():
    model = FakeModelThatWaits()
    questions = _questions(model)
    first = questions.ask("a")
    model.until_started()
    asked = [questions.ask(text) for text in ("out of reach", "b", "c")]
    model.go_on.release(20)
    for one in asked:
        with pytest.raises(UnavailableError):
            one.result(_WAIT_S)
    assert len(model.batches) == 2
    assert _lengths([first, questions.ask("later")]) == [1, 5]
    questions.close()


def test_one_that_gives_up_is_left_out_and_harms_no_other():
    model = FakeModelThatWaits()
    questions = _questions(model)
    first = questions.ask("a")
    model.until_started()
    gone, stays = questions.ask("gone"), questions.ask("stays")
    assert gone.cancel()
    assert not first.cancel()  # it runs
    model.go_on.release(20)
    assert _lengths([first, stays]) == [1, 5]
    assert model.batches == [["a"], ["stays"]]
    questions.close()


def test_no_question_is_left_to_nobody():
    """Lanes end again and again while questions come: a lost wake-up would hang one of them."""
    questions = QuestionBatches(
        lambda texts: np.array([[len(text)] for text in texts], dtype=np.float32), ForwardGate(2), 2, 8
    )

    def ask_many() -> None:
        for count in range(1, 300):
            assert questions.ask("x" * count).result(_WAIT_S)[0] == count

    askers = [threading.Thread(target=ask_many) for _ in range(8)]
    failed: list[object] = []
    hook, threading.excepthook = threading.excepthook, failed.append
    try:
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(_WAIT_S)
    finally:
        threading.excepthook = hook
    assert not failed
    assert not any(asker.is_alive() for asker in askers)
    questions.close()


def test_closing_leaves_nobody_waiting():
    model = FakeModelThatWaits()
    questions = _questions(model)
    first = questions.ask("a")
    model.until_started()
    rest = questions.ask("b")
    closing = threading.Thread(target=questions.close)
    closing.start()
    model.go_on.release(20)
    closing.join(_WAIT_S)
    assert not closing.is_alive()
    assert _lengths([first]) == [1]
    assert rest.done()  # embedded by the lane that still ran, or cancelled
    with pytest.raises(RuntimeError):
        questions.ask("too late")


async def test_questions_asked_at_once_get_the_vectors_of_those_asked_alone(embedder: Embedder):
    texts = [f"{'word ' * (place % 7)}question number {place}?" for place in range(40)]
    alone = [await embedder.embed_query(text) for text in texts]
    together = await asyncio.gather(*(embedder.embed_query(text) for text in texts))
    np.testing.assert_allclose(np.stack(together), np.stack(alone), atol=1e-5)


async def test_an_asker_that_is_cancelled_leaves_the_others_their_vectors(embedder: Embedder):
    asked = [asyncio.create_task(embedder.embed_query(f"question {place}")) for place in range(12)]
    await asyncio.sleep(0)
    for task in asked[::3]:
        task.cancel()
    done = await asyncio.gather(*asked, return_exceptions=True)
    for place, vector in enumerate(done):
        if place % 3:
            assert np.shape(vector) == (384,)
        else:
            assert isinstance(vector, asyncio.CancelledError)
