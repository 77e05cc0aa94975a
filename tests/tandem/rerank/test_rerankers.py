"""Rerankers: the light one, a real cross-encoder with random weights, and endpoints that speak for real."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI, Request
from passages import passage
from running import free_port

from tandem.errors import SettingsError, UnavailableError
from tandem.rerank import open_rerankers
from tandem.rerank.endpoint import EndpointReranker
from tandem.rerank.features import FEATURES, features
from tandem.rerank.light import LightReranker
from tandem.settings import RetrievalSettings

TEXTS = (
    "The moon over the lake.",
    "The pump filter is cleaned with water.",
    "A filter. A lake. Much else, a pump.",
)
PASSAGES = [passage(text, ordinal=n) for n, text in enumerate(TEXTS)]


class Endpoint:
    """A `/rerank` that scores by length, in the shape of TEI or of the others."""

    def __init__(self) -> None:
        self.tei = False
        self.seen: dict[str, Any] = {}
        self.broken: Any = None
        self.address = ""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made, app, port = Endpoint(), FastAPI(), free_port()

    @app.post("/v1/rerank")
    async def rerank(request: Request) -> Any:
        made.seen = await request.json() | {"key": request.headers.get("authorization")}
        if made.broken is not None:
            return made.broken
        texts = made.seen["texts" if made.tei else "documents"]
        name = "score" if made.tei else "relevance_score"
        hits = [{"index": n, name: len(text)} for n, text in enumerate(texts)]
        hits.sort(key=lambda hit: -hit[name])
        return hits if made.tei else {"results": hits}

    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    made.address = f"http://127.0.0.1:{port}/v1"
    yield made
    server.should_exit = True
    thread.join(20)


@pytest.mark.parametrize("tei", [False, True])
async def test_scores_come_back_in_the_passages_order(endpoint: Endpoint, tei: bool) -> None:
    endpoint.tei = tei
    reranker = EndpointReranker(endpoint.address, "judge", "secret")
    assert await reranker.scores("pump?", PASSAGES) == [float(len(text)) for text in TEXTS]
    assert (endpoint.seen["model"], endpoint.seen["query"], endpoint.seen["key"]) == (
        "judge",
        "pump?",
        "Bearer secret",
    )
    await reranker.close()


@pytest.mark.parametrize(
    "broken",
    [{}, {"results": []}, {"results": [{"index": 0, "score": 1}]}, [1], "no", {"results": [{"index": "x"}]}],
)
async def test_an_answer_that_is_not_whole_is_unavailable(endpoint: Endpoint, broken: Any) -> None:
    endpoint.broken = broken
    reranker = EndpointReranker(endpoint.address, "judge")
    with pytest.raises(UnavailableError, match="does not serve"):
        await reranker.scores("pump?", PASSAGES)
    await reranker.close()


async def test_nobody_at_the_address_is_unavailable() -> None:
    reranker = EndpointReranker(f"http://127.0.0.1:{free_port()}", "judge")
    with pytest.raises(UnavailableError):
        await reranker.scores("pump?", PASSAGES)
    await reranker.close()


def write_bert(folder: Path, model: type) -> str:
    """A real model, small and untrained, with its tokenizer."""
    from transformers import BertConfig, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "pump", "filter", "lake", "the", "is"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model(BertConfig(vocab_size=len(words), num_labels=1, **sizes)).save_pretrained(folder)
    return str(folder)


async def test_a_cross_encoder_scores_as_sentence_transformers_does(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder
    from transformers import BertForSequenceClassification

    model = write_bert(tmp_path, BertForSequenceClassification)
    rerankers = open_rerankers(RetrievalSettings(reranker="cross_encoder", rerank_model=model))
    wanted = CrossEncoder(model).predict([("the pump", text) for text in TEXTS])
    scores = await rerankers.of("cross_encoder", model).scores("the pump", PASSAGES)
    assert scores == pytest.approx(wanted.tolist(), abs=1e-5)


async def test_a_multi_vector_model_scores_by_the_nearest_token_of_each_token(tmp_path: Path) -> None:
    from sentence_transformers import MultiVectorEncoder
    from transformers import BertModel

    model = str(tmp_path / "encoder")
    (tmp_path / "bert").mkdir()
    MultiVectorEncoder(write_bert(tmp_path / "bert", BertModel)).save_pretrained(model)
    rerankers = open_rerankers(RetrievalSettings(reranker="multi_vector", rerank_model=model))
    encoder = MultiVectorEncoder(model)
    (asked,) = encoder.encode_query(["the pump"])
    wanted = [
        float((np.asarray(asked) @ np.asarray(read).T).max(axis=1).sum())
        for read in encoder.encode_document(TEXTS)
    ]
    scores = await rerankers.of("multi_vector", model).scores("the pump", PASSAGES)
    assert scores == pytest.approx(wanted, abs=1e-4)
    assert len(set(scores)) == len(TEXTS)


def test_a_cross_encoder_that_is_not_there_is_a_setting_at_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be loaded"):
        open_rerankers(RetrievalSettings(reranker="cross_encoder", rerank_model=str(tmp_path / "no")))


@pytest.mark.parametrize("kind", ["cross_encoder", "multi_vector", "endpoint"])
def test_a_reranker_without_its_model_or_address_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="needs rerank_"):
        RetrievalSettings(reranker=kind)


async def test_the_light_reranker_prefers_the_words_of_the_question_close_together() -> None:
    scores = await LightReranker().scores("How is the pump filter cleaned?", PASSAGES)
    assert int(np.argmax(scores)) == 1
    assert await LightReranker().scores("?", []) == []


def test_features_are_finite_whatever_is_asked() -> None:
    for question in ("", "?", "the of and", "pump " * 500, "zorbium"):
        found = features(question, PASSAGES)
        assert found.shape == (3, len(FEATURES))
        assert np.isfinite(found).all()
