"""A recipe as it serves one corpus, for training sets: the real retriever, prompts and citer of `server`."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any

from finetune.dataset.serving import Cited, Prompt, SourceDocument
from finetune.dataset.wanted import shows_numbers
from server.admission import Ticket
from server.answering.assemble import assemble
from server.answering.cite import Citer
from server.answering.judge import judge
from server.answering.leaving_out import leaving_out
from server.answering.read import as_parents
from server.answering.retrieve import retrieve
from server.answering.timings import Timings
from server.answering.types import ABSTENTION, Question
from server.fence import Fence
from server.services import Services
from tandem.errors import InvalidRequestError
from tandem.prompts import Message
from tandem.recipes import MODEL, Recipe
from tandem.retrieval_profile import RetrievalProfile
from tandem.store import DocumentRecord
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Passage, Where, document_id

_LICENCE = ("licence", "license")


class RecipeServing:
    """`finetune.dataset.serving.Serving` of one recipe and corpus.

    The marks at which passages end are drawn anew for each prompt, as in serving, so that no model learns one
    by heart; but by a key of the set's seed, so that a set can be made again and this installation's key
    stays out of it.
    """

    abstention = ABSTENTION

    def __init__(
        self,
        services: Services,
        corpus: str,
        recipe: str | None,
        *,
        passages: int | None = None,
        context_tokens: int | None = None,
        seed: int = 0,
    ) -> None:
        """`passages` and `context_tokens` stand in place of the recipe's.

        Raises `NotFoundError` for an unknown recipe, `InvalidRequestError` for one that retrieves nothing.
        """
        named = services.recipes.of_model(f"{MODEL}:{recipe}" if recipe else MODEL)
        if named.retrieval is None:
            raise InvalidRequestError(
                f"The recipe {named.name} retrieves nothing", param="recipe", hint="Name one that does: rag."
            )
        self.profile: RetrievalProfile = replace(
            named.retrieval,
            passages=passages or named.retrieval.passages,
            context_tokens=context_tokens or named.retrieval.context_tokens,
        )
        # Few-shot examples are for models that have not learnt the task.
        self.recipe: Recipe = replace(named, retrieval=self.profile, few_shot=None)
        self.passages = self.profile.passages
        self.numbered = shows_numbers(self.recipe.template)
        self._closed_recipe = services.recipes.of_model(f"{MODEL}:base")
        self._services = replace(services, fence=Fence(sha256(f"training set {seed}".encode()).digest()))
        self._caller, self._corpus = Caller(), corpus

    def documents(self, names: Iterable[str]) -> dict[str, SourceDocument]:
        """As the protocol says."""
        known: dict[str, SourceDocument] = {}
        for name in dict.fromkeys(names):
            record = self._record(name)
            if record is not None:
                known[name] = self._source(record)
        return known

    async def retrieve(self, question: str, besides: frozenset[str], most: int) -> list[Passage]:
        """As the protocol says."""
        with self._without(besides) as services:
            profile = replace(self.profile, passages=most)
            return await retrieve(
                self._caller, question, (self._corpus,), Where(), profile, services, Timings()
            )

    async def asks(self, question: str, passages: Sequence[Passage]) -> bool:
        """As the protocol says."""
        return await self.evidence(question, passages) >= self.profile.evidence

    async def evidence(self, question: str, passages: Sequence[Passage]) -> float:
        """The probability that the passages hold the answer."""
        ticket = Ticket(self._caller.tenant, background=True)
        return (await judge(question, passages, self._services, ticket=ticket)).evidence

    async def chunks(self) -> AsyncGenerator[Passage, None]:
        """As the protocol says."""
        store, current = self._services.store, dict[str, str | None]()
        with self._services.live.reading() as collection:
            async for chunk in collection.index.chunks():
                if (chunk.tenant, chunk.corpus) != (self._caller.tenant, self._corpus):
                    continue
                if chunk.document_id not in current:
                    found = await in_thread(store.current_versions, chunk.tenant, [chunk.document_id])
                    current[chunk.document_id] = found.get(chunk.document_id)
                if chunk.version == current[chunk.document_id]:
                    for passage in as_parents([Passage(chunk, score=0.0, similarity=0.0)]):
                        yield passage

    def assemble(self, question: str, passages: Sequence[Passage]) -> Prompt:
        """As the protocol says."""
        return self._prompt(question, self.recipe, passages)

    def closed(self, question: str) -> Prompt:
        """As the protocol says."""
        return self._prompt(question, self._closed_recipe, ())

    def cite(self, answer: str, passages: Sequence[Passage]) -> Cited:
        """As the protocol says."""
        citer = Citer(passages, mode=self.profile.citing, support=self.profile.support)
        text = citer.feed(answer) + citer.finish()
        return Cited(text, tuple((one.document_id, one.start, one.end) for one in citer.citations))

    def count(self, messages: Sequence[Message], answer: str) -> tuple[int, int]:
        """As the protocol says."""
        tokens = self._services.tokens
        return tokens.count_chat(messages), tokens.count(answer)

    def facts(self) -> dict[str, Any]:
        """What of the recipe, the embedder and the model a set depends on."""
        return {
            "recipe": f"{self.recipe.name}@{self.recipe.version}",
            "prompt": f"{self.recipe.prompt}@{self.recipe.prompt_version}",
            "prompt_shows_numbers": self.numbered,
            "passages": self.profile.passages,
            "context_tokens": self.profile.context_tokens,
            "excerpt_tokens": self.profile.excerpt_tokens,
            "embedder": self._services.live.collection.embedder.fingerprint,
            "model": self._services.settings.engine.model,
            "tokens_are_exact": self._services.tokens.exact,
        }

    def _prompt(self, question: str, recipe: Recipe, passages: Sequence[Passage]) -> Prompt:
        asked = Question(self._caller, f"{MODEL}:{recipe.name}", question, corpora=(self._corpus,))
        made = assemble(asked, recipe, passages, recipe.sampling.max_tokens, self._services)
        return Prompt(tuple(made.messages), made.passages)

    @contextmanager
    def _without(self, documents: frozenset[str]) -> Iterator[Services]:
        if not documents:
            yield self._services
            return
        versions = self._services.store.current_versions(self._caller.tenant, sorted(documents))
        with leaving_out(self._services, frozenset(versions.items())) as narrowed:
            yield narrowed

    def _record(self, name: str) -> DocumentRecord | None:
        store, caller = self._services.store, self._caller
        for one in (name, document_id(caller.tenant, self._corpus, name)):
            if store.document_or_none(caller, self._corpus, one) is not None:
                return store.document(caller, self._corpus, one)
        return None

    def _source(self, record: DocumentRecord) -> SourceDocument:
        metadata = record.marks.metadata
        licence = next((str(metadata[key]) for key in _LICENCE if key in metadata), "")
        ids = {record.id, record.duplicate_of or record.id}
        return SourceDocument(record.uri, frozenset(ids), record.text or "", licence)
