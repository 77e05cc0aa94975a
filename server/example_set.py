"""A set of few-shot examples that are picked by similarity."""

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from tandem.embedding import Embedder
from tandem.examples import Example, FewShot, digest_of
from tandem.live import Live
from tandem.threads import in_thread

if TYPE_CHECKING:
    from tandem.index.protocol import Vector


class ExampleSet:
    """A set of examples; it remembers their vectors, of the embedder that answers now."""

    def __init__(self, examples: tuple[Example, ...]) -> None:
        self.examples = examples
        self.digest = digest_of(examples)
        self._vectors: tuple[str, Vector] | None = None
        self._embedding = asyncio.Lock()

    async def pick(self, question: str, few_shot: FewShot, live: Live) -> tuple[Example, ...]:
        """The examples to show, the most important first: those of the file's beginning, or the most similar."""
        shown = few_shot.shown
        if few_shot.picked == "static" or len(self.examples) <= shown:
            return self.examples[:shown]
        with live.reading() as collection:
            vectors = await self._embedded(collection.embedder)
            asked = await collection.embedder.embed_query(question)
        nearest = np.argsort(-(vectors @ asked), kind="stable")[:shown]
        return tuple(self.examples[place] for place in nearest)

    async def _embedded(self, embedder: Embedder) -> "Vector":
        """Vectors of the questions, made when the first question asks for them."""
        async with self._embedding:
            if self._vectors is None or self._vectors[0] != embedder.fingerprint:
                questions = [example.question for example in self.examples]
                self._vectors = (
                    embedder.fingerprint,
                    await in_thread(embedder.embed_documents, questions),
                )
            return self._vectors[1]
