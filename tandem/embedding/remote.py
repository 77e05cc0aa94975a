"""A model behind an OpenAI-compatible embeddings endpoint: vLLM, TEI, Infinity or any other."""

import base64
import binascii
import hashlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from tandem.embedding.embedder import Embedder, Prompts
from tandem.embedding.encoder import Pass
from tandem.embedding.tokenizing import Tokenizing, find_tokenizing
from tandem.errors import (
    EmbedderMismatchError,
    InvalidRequestError,
    ModelSourceError,
    SettingsError,
    TandemError,
    UnavailableError,
)
from tandem.settings import EmbeddingSettings

if TYPE_CHECKING:
    from tandem.index.protocol import Vector

_TRIES = 5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 8.0
_RETRY_AFTER_S = 10
_TIMEOUT = httpx.Timeout(60, connect=5, pool=None)
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_MAX_TOKENS = 512
"""Assumed where neither the endpoint nor the tokenizer's folder tells: what most embedders read."""


class _PassingError(Exception):
    """What the next try may not meet. `pause_s` is the wait that the endpoint asks for."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


class RemoteEncoder:
    """An `Encoder` that posts to `{address}/embeddings`.

    What may pass (no connection, a timeout, 429, 5xx, an answer that cannot be read) is tried again with
    growing pauses, and is an `UnavailableError` in the end. At once it raises `SettingsError` for a wrong
    key, `ModelSourceError` for an unknown model or address, `InvalidRequestError` for texts that the
    endpoint refuses, and `EmbedderMismatchError` for vectors that have another length than at the start.
    """

    def __init__(self, settings: EmbeddingSettings, address: str, tokenizing: Tokenizing) -> None:
        self._model = settings.model
        self._address = address.rstrip("/")
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self.parallel = self.spare = settings.requests
        self._http = httpx.Client(
            headers=headers,
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=2 * settings.requests),
            # An endpoint of one's own is not behind the proxy that the environment may name.
            trust_env=False,
        )
        self._tokenizing = tokenizing
        self.count_tokens, self.token_starts = tokenizing.count, tokenizing.starts
        self.dimension = self.max_tokens = 0
        try:
            self.dimension = self._embed(["A text, to see the length of its vector."]).shape[1]
            self.max_tokens = (self._longest() or tokenizing.max_length or _MAX_TOKENS) - tokenizing.marks
        except BaseException:
            self.close()
            raise

    def passes(self, texts: Sequence[str], prompt: str, batch_size: int) -> Iterator[Pass]:
        """Requests of like length, as some endpoints pad each to its longest text."""
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            yield Pass(places, partial(self._embed, [self._cut(prompt + texts[place]) for place in places]))

    def close(self) -> None:
        """Close the connections; safe to call twice."""
        self._http.close()

    def _cut(self, text: str) -> str:
        """What the model reads of `text`: vLLM refuses more, where a model in the process cuts it off."""
        over = False
        while len(starts := self.token_starts(text)) > self.max_tokens:
            # A word that is cut may be of more tokens than it was within the text, so one fewer each time.
            text = text[: starts[self.max_tokens - over]]
            over = True
        return text

    def _embed(self, texts: list[str]) -> "Vector":
        body = {"model": self._model, "input": texts, "encoding_format": "base64"}
        tries = 0
        while True:
            tries += 1
            try:
                return self._read(self._post(body), len(texts))
            except _PassingError as fault:
                if tries == _TRIES:
                    raise UnavailableError(
                        f"The embeddings endpoint at {self._address} does not serve: {fault}",
                        hint="See whether it runs and what it logs; the same will be tried again later.",
                        param="embedding.address",
                        retry_after=max(_RETRY_AFTER_S, round(fault.pause_s)),
                    ) from fault
                pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (tries - 1))
                # Apart from each other, so that the requests in flight do not come again all at once.
                time.sleep(min(_LONGEST_PAUSE_S, max(fault.pause_s, pause_s * random.uniform(0.5, 1))))  # noqa: S311

    def _post(self, body: dict[str, Any]) -> Any:
        try:
            answer = self._http.post(f"{self._address}/embeddings", json=body)
        except httpx.TransportError as error:
            raise _PassingError(f"{type(error).__name__} {error}".strip()) from error
        if answer.status_code in _PASSING:
            asked = answer.headers.get("Retry-After", "")
            raise _PassingError(f"status {answer.status_code}", float(asked) if asked.isdecimal() else 0.0)
        if not answer.is_success:
            raise self._refusal(answer)
        try:
            return answer.json()
        except ValueError as error:
            raise _PassingError("its answer is not JSON") from error

    def _refusal(self, answer: httpx.Response) -> TandemError:
        said = f"status {answer.status_code}, {' '.join(answer.text[:300].split())}"
        match answer.status_code:
            case 401 | 403:
                return SettingsError(
                    f"The embeddings endpoint at {self._address} refuses the key: {said}",
                    hint="Set embedding.api_key.",
                    param="embedding.api_key",
                )
            case 404:
                return ModelSourceError(
                    f"{self._address} has no embeddings of {self._model}: {said}",
                    hint="The address ends in /v1 with most servers; the model is the name that it serves.",
                    param="embedding.model",
                )
            case _:
                return InvalidRequestError(
                    f"The embeddings endpoint refuses the texts: {said}",
                    hint="Where it says that they are too long, make ingest.chunk_tokens smaller; where they "
                    "are too many, embedding.batch_size.",
                )

    def _read(self, answer: Any, count: int) -> "Vector":
        """The vectors of an answer, in the order of their `index`; each is base64 or a list of numbers."""
        try:
            rows: dict[int, Vector] = {int(row["index"]): _vector(row["embedding"]) for row in answer["data"]}
            vectors: Vector = np.stack([rows[place] for place in range(count)])
        except (TypeError, KeyError, ValueError, binascii.Error) as error:
            raise _PassingError(f"its answer does not hold {count} vectors") from error
        if len(rows) != count or vectors.ndim != 2 or not vectors.shape[1]:
            raise _PassingError(f"its answer does not hold {count} vectors")
        if not np.isfinite(vectors).all():
            raise _PassingError("its answer holds numbers that are not finite")
        if self.dimension and vectors.shape[1] != self.dimension:
            raise EmbedderMismatchError(
                f"{self._address} gave {self.dimension} numbers a vector before, and {vectors.shape[1]} now",
                hint="Another model is behind the address; start again, and see whether the corpus fits it.",
                param="embedding.model",
            )
        return vectors

    def _longest(self) -> int | None:
        """The longest input in tokens, marks included, where the list of models says so, as vLLM's does."""
        try:
            answer = self._http.get(f"{self._address}/models")
            listed = answer.json()["data"] if answer.is_success else []
            found = [one.get("max_model_len") for one in listed if one.get("id") == self._model]
        except (httpx.TransportError, ValueError, TypeError, KeyError, AttributeError):
            return None  # not every endpoint has such a list
        return found[0] if found and isinstance(found[0], int) else None


def load_remote(settings: EmbeddingSettings, address: str) -> Embedder:
    """The embedder behind `address`; raises as `RemoteEncoder` does."""
    prompts = Prompts(settings.query_prompt, settings.document_prompt)
    encoder = RemoteEncoder(settings, address, find_tokenizing(settings.tokenizer, settings.model))
    fingerprint = _fingerprint(settings.model, encoder.dimension, prompts)
    return Embedder(encoder, prompts, fingerprint, settings.batch_size)


def _fingerprint(model: str, dimension: int, prompts: Prompts) -> str:
    """Of the name, the length and the prompts; not of vectors.

    Two servers of one model give numbers that differ a little (bf16 or fp32, another batch), and some
    number always stands so near to an edge of rounding that a hash of probes would differ as well.
    """
    said = json.dumps(["endpoint", model, dimension, prompts.query, prompts.document])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _vector(embedding: Any) -> "Vector":
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float32)
    return np.array(embedding, dtype=np.float32)
