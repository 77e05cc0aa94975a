"""The model and the embedder as Ragas asks them. Imports Ragas: import it late."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from eval.sets.kept_replies import KeptReplies
from tandem.prompts import Message
from tandem.threads import in_thread

os.environ["RAGAS_DO_NOT_TRACK"] = "true"  # before its import: it sends word of its use to its makers

from ragas.embeddings import BaseRagasEmbedding
from ragas.llms.base import InstructorBaseRagasLLM
from ragas.tokenizers import BaseTokenizer

Ask = Callable[[list[Message], dict[str, Any]], Awaitable[str]]
"""Asks the model for JSON in OpenAI's `response_format`. Raises `EngineUnavailableError`, `EngineFailedError`."""

_Answer = TypeVar("_Answer", bound=BaseModel)
_TRIES = 3


class NoAnswerError(ValueError):
    """The model wrote, in every try, what is not of the form that was asked for."""


class StructuredModel(InstructorBaseRagasLLM):
    """Answers in the form of a pydantic model, which the server is told as a JSON schema."""

    is_async = True

    def __init__(self, ask: Ask, model: str, replies: KeptReplies, at_once: int = 8) -> None:
        self._ask, self._model, self._replies = ask, model, replies
        self._gate = asyncio.Semaphore(at_once)

    async def agenerate(self, prompt: str, response_model: type[_Answer]) -> _Answer:
        """Raises `NoAnswerError`, and what `ask` raises."""
        schema = response_model.model_json_schema()
        told = ""
        for number in range(_TRIES):
            told = await self._reply(number, prompt, schema, response_model.__name__)
            try:
                return response_model.model_validate_json(told[told.find("{") : told.rfind("}") + 1])
            except ValidationError:
                continue
        raise NoAnswerError(f"the model's answer is no {response_model.__name__}: {told[:200]!r}")

    def generate(self, prompt: str, response_model: type[_Answer]) -> _Answer:
        """Only `agenerate` is asked, because `is_async` says so."""
        raise TypeError("the model is asked on the event loop: use agenerate")

    async def _reply(self, number: int, prompt: str, schema: dict[str, Any], name: str) -> str:
        asked = (self._model, number, prompt, schema)
        kept = self._replies.get(*asked)
        if kept is not None:
            return kept
        message: Message = {"role": "user", "content": prompt}
        form = {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
        async with self._gate:
            reply = await self._ask([message], form)
        self._replies.keep(reply, *asked)
        return reply


class OwnEmbedding(BaseRagasEmbedding):
    """Tandem's embedder. Its vectors are of length 1, as Ragas takes them to be."""

    is_async = True

    def __init__(self, embed: Callable[[list[str]], Any]) -> None:
        super().__init__()
        self._embed = embed

    def embed_text(self, text: str, **kwargs: Any) -> list[float]:
        """One vector."""
        vector: list[float] = self._embed([text])[0].tolist()
        return vector

    async def aembed_text(self, text: str, **kwargs: Any) -> list[float]:
        """The same, off the event loop."""
        return await in_thread(self.embed_text, text)


class Letters(BaseTokenizer):
    """Counts characters. Ragas's own would be fetched from the internet to cut what no chunk is long enough for."""

    def encode(self, text: str) -> list[int]:
        """A number for each character."""
        return [ord(letter) for letter in text]

    def decode(self, tokens: list[int]) -> str:
        """The way back."""
        return "".join(map(chr, tokens))
