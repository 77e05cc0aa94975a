import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedding_endpoint import KEY, Endpoint, serving

from tandem.embedding import Embedder, load_embedder, remote
from tandem.errors import (
    EmbedderMismatchError,
    InvalidRequestError,
    ModelSourceError,
    SettingsError,
    TandemError,
    UnavailableError,
)
from tandem.settings import EmbeddingSettings

TEXTS = [f"Text {number} " + "about birds and the sea " * (number % 7) for number in range(100)]


@pytest.fixture
def endpoint(embedder: Embedder) -> Iterator[Endpoint]:
    with serving(embedder) as started:
        yield started


@pytest.fixture
def far(endpoint: Endpoint) -> Iterator[Embedder]:
    loaded = _load(endpoint)
    endpoint.requests.clear()
    yield loaded
    loaded.close()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_FIRST_PAUSE_S", 0.01)


def _load(endpoint: Endpoint, **changes: Any) -> Embedder:
    settings = {"model": "minilm", "api_key": KEY, "address": endpoint.address} | changes
    return load_embedder(EmbeddingSettings.model_validate(settings))


@pytest.mark.parametrize("as_base64", [True, False])
async def test_vectors_come_in_the_order_of_the_texts(
    as_base64: bool, endpoint: Endpoint, far: Embedder, embedder: Embedder
):
    endpoint.as_base64 = as_base64
    seen: list[int] = []
    vectors = far.embed_documents(TEXTS, seen.append)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, embedder.embed_documents(TEXTS), atol=1e-5)
    assert seen == [32, 64, 96, 100]
    np.testing.assert_allclose(
        await far.embed_query("a question"), await embedder.embed_query("a question"), atol=1e-5
    )
    assert far.dimension == 384
    assert far.embed_documents([]).shape == (0, 384)


def test_several_requests_are_in_flight_and_no_more_than_set(endpoint: Endpoint):
    far = _load(endpoint, requests=3, batch_size=5)
    endpoint.hold = threading.Barrier(3)  # no request is answered before three are there
    far.embed_documents(TEXTS[:30])
    far.close()
    assert endpoint.most_running == 3


async def test_prompts_go_before_the_texts_and_into_the_fingerprint(
    endpoint: Endpoint, far: Embedder, embedder: Embedder
):
    asking = _load(endpoint, query_prompt="query: ", document_prompt="passage: ")
    expected = embedder.embed_documents(["passage: birds", "query: birds"])
    got = [asking.embed_documents(["birds"])[0], await asking.embed_query("birds")]
    asking.close()
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert asking.fingerprint != far.fingerprint


def test_two_servers_of_one_model_have_one_fingerprint(far: Embedder, embedder: Embedder):
    with serving(embedder) as other:
        elsewhere = _load(other)
        elsewhere.close()
    assert elsewhere.fingerprint == far.fingerprint != embedder.fingerprint


FAKE_FAULTS: dict[str, tuple[int, object]] = {
    "busy": (429, b""),
    "broken": (500, b"Internal Server Error"),
    "a page of a proxy": (200, b"<html>wait</html>"),
    "one vector too few": (200, {"data": []}),
    "no index": (200, {"data": [{"embedding": [1.0]}]}),
    "not base64": (200, {"data": [{"index": 0, "embedding": "!!"}]}),
    "a ragged list": (200, {"data": [{"index": 0, "embedding": [[1.0], 2.0]}]}),
    "not a number": (200, {"data": [{"index": 0, "embedding": [float("nan")] * 384}]}),
    "a list": (200, [1]),
}


@pytest.mark.parametrize("name", FAKE_FAULTS)
def test_what_may_pass_is_tried_again(name: str, endpoint: Endpoint, far: Embedder, embedder: Embedder):
    for _ in range(2):
        endpoint.fault(*FAKE_FAULTS[name])
    np.testing.assert_allclose(far.embed_documents(["birds"]), embedder.embed_documents(["birds"]), atol=1e-5)
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize("name", FAKE_FAULTS)
def test_what_does_not_pass_is_unavailable_and_says_when_to_come_again(
    name: str, endpoint: Endpoint, far: Embedder
):
    for _ in range(5):
        endpoint.fault(*FAKE_FAULTS[name])
    with pytest.raises(UnavailableError) as caught:
        far.embed_documents(["birds"])
    assert caught.value.retry_after == 10
    assert len(endpoint.requests) == 5


def test_the_pause_that_the_endpoint_asks_for_is_kept(endpoint: Endpoint, far: Embedder):
    endpoint.fault(503, Retry_After="1")
    start = time.monotonic()
    far.embed_documents(["birds"])
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, InvalidRequestError), (403, SettingsError), (404, ModelSourceError), (422, InvalidRequestError)],
)
def test_a_refusal_is_told_at_once(status: int, error: type[TandemError], endpoint: Endpoint, far: Embedder):
    endpoint.fault(status, b"because")
    with pytest.raises(error, match="because"):
        far.embed_documents(["birds"])
    assert len(endpoint.requests) == 1


def test_vectors_of_another_length_are_refused(endpoint: Endpoint, far: Embedder):
    endpoint.fault(200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]})
    with pytest.raises(EmbedderMismatchError, match="384 numbers a vector before, and 2 now"):
        far.embed_documents(["birds"])


def test_a_fault_leaves_no_request_behind(endpoint: Endpoint, far: Embedder):
    endpoint.fault(400, b"no")
    with pytest.raises(InvalidRequestError):
        far.embed_documents([f"birds {number}" for number in range(32 * 40)])
    far.close()
    assert len(endpoint.requests) < 20


def test_a_wrong_key_and_an_unknown_model_are_told_at_the_start(endpoint: Endpoint):
    with pytest.raises(SettingsError, match="no such key"):
        _load(endpoint, api_key="wrong")
    with pytest.raises(ModelSourceError, match="no such model"):
        _load(endpoint, model="other")


def test_an_address_where_nothing_listens_is_unavailable():
    settings = EmbeddingSettings(address="http://127.0.0.1:9/v1", model="minilm")
    with pytest.raises(UnavailableError, match="ConnectError"):
        load_embedder(settings)


def test_tokens_are_counted_by_the_tokenizer_that_is_named(
    endpoint: Endpoint, minilm: Path, embedder: Embedder
):
    far = _load(endpoint, tokenizer=str(minilm))
    far.close()
    text = "Unbelievable: 3.14 is not \U0001f600 π. "
    assert far.count_tokens(text) == embedder.count_tokens(text)
    assert far.token_starts(text) == embedder.token_starts(text)
    assert far.max_tokens == embedder.max_tokens == 254
    with pytest.raises(ModelSourceError, match=r"tokenizer\.json"):
        _load(endpoint, tokenizer=str(minilm / "1_Pooling"))


@pytest.mark.parametrize(
    "text",
    [
        "Antidisestablishmentarianism of phosphatidylethanolamine, 3.14159 and (a+b)*c != {};",
        "Ünïcödé, 漢字かな交じり文 and \U0001f600",
        "https://example.org/a/b?c=d&e=0123456789abcdef",
    ],
)
def test_an_estimate_is_not_below_the_true_count(text: str, far: Embedder, embedder: Embedder):
    assert far.count_tokens(text) >= embedder.count_tokens(text)
    assert len(far.token_starts(text)) == far.count_tokens(text)


def test_what_the_model_does_not_read_is_cut_off_here(endpoint: Endpoint, minilm: Path, embedder: Embedder):
    far = _load(endpoint, tokenizer=str(minilm))
    texts = ["word " * 1_000, "a" * 600, "unbelievably " * 100]
    np.testing.assert_allclose(far.embed_documents(texts[:1]), embedder.embed_documents(texts[:1]), atol=1e-5)
    assert far.embed_documents(texts).shape == (3, 384)
    far.close()
    estimating = _load(endpoint)
    assert estimating.embed_documents(["The sea is wide, and 3.14 birds (of 7) are there. " * 50]).shape == (
        1,
        384,
    )
    estimating.close()
