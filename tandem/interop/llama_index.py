"""Tandem as a LlamaIndex retriever and a LlamaIndex query engine."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.callbacks import CallbackManager
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import (
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)

from tandem.interop.connection import Connection
from tandem.recipes import MODEL

_CHAT = "/v1/chat/completions"
_SHOWN_TO_MODELS = frozenset({"title", "section", "page"})
"""Metadata that a framework's own prompt may show; ids, places and scores would only cost tokens."""


class TandemRetriever(BaseRetriever):  # type: ignore[misc]
    """Passages as nodes, best first: `node_id` is the chunk's, the score what Tandem ranked by.

    Metadata: `document_id`, `corpus`, `title`, `uri`, `page`, `section`, `start` and `end` (characters of the
    document), `similarity`, `tags` and the document's own under `metadata`. Raises the server's own errors.
    """

    def __init__(
        self,
        connection: Connection | str,
        *,
        passages: int | None = None,
        recipe: str | None = None,
        corpora: Sequence[str] | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        """`connection` is the address of a server, or a `Connection`.

        The other arguments are those of `POST /api/retrieve`; they narrow what is searched.
        """
        super().__init__(callback_manager=callback_manager)
        self._connection = _connection_of(connection)
        self._body = _given(passages=passages, model=_model(recipe), tandem=_options(corpora, tags, metadata))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._connection.post("/api/retrieve", self._asking(query_bundle)))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(await self._connection.apost("/api/retrieve", self._asking(query_bundle)))

    def _asking(self, query_bundle: QueryBundle) -> dict[str, Any]:
        return {"query": query_bundle.query_str} | self._body


class TandemQueryEngine(BaseQueryEngine):  # type: ignore[misc]
    """Cited answers as responses. `source_nodes` are the citations in the order of their numbers.

    `metadata` is what Tandem says of the answer (`recipe`, `trace_id`, `abstained`, `timings`, ...). Of a
    streamed response both are filled once its stream has ended. Raises the server's own errors.
    """

    def __init__(
        self,
        connection: Connection | str,
        *,
        recipe: str | None = None,
        corpora: Sequence[str] | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
        streaming: bool = False,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        """`connection` is the address of a server, or a `Connection`; `recipe` the champion by default."""
        super().__init__(callback_manager)
        self._connection = _connection_of(connection)
        self._streaming = streaming
        self._body = _given(model=_model(recipe), tandem=_options(corpora, tags, metadata))

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}  # Tandem's prompts are its own, versioned with its recipes

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        body = self._asking(query_bundle)
        if not self._streaming:
            return _response(self._connection.post(_CHAT, body))
        nodes: list[NodeWithScore] = []
        told: dict[str, Any] = {}
        return StreamingResponse(self._pieces(body, nodes, told), nodes, told)

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        body = self._asking(query_bundle)
        if not self._streaming:
            return _response(await self._connection.apost(_CHAT, body))
        nodes: list[NodeWithScore] = []
        told: dict[str, Any] = {}
        return AsyncStreamingResponse(self._apieces(body, nodes, told), nodes, told)

    def _asking(self, query_bundle: QueryBundle) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": query_bundle.query_str}]} | self._body

    def _pieces(
        self, body: Mapping[str, Any], nodes: list[NodeWithScore], told: dict[str, Any]
    ) -> Iterator[str]:
        for event in self._connection.stream(_CHAT, {**body, "stream": True}):
            yield from _read(event, nodes, told)

    async def _apieces(
        self, body: Mapping[str, Any], nodes: list[NodeWithScore], told: dict[str, Any]
    ) -> AsyncGenerator[str, None]:
        async for event in self._connection.astream(_CHAT, {**body, "stream": True}):
            for piece in _read(event, nodes, told):
                yield piece


def _connection_of(connection: Connection | str) -> Connection:
    return Connection(connection) if isinstance(connection, str) else connection


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _model(recipe: str | None) -> str:
    return f"{MODEL}:{recipe}" if recipe else MODEL


def _options(
    corpora: Sequence[str] | None, tags: Sequence[str], metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    return _given(
        corpora=list(corpora) if corpora is not None else None, tags=list(tags), metadata=dict(metadata or {})
    )


def _nodes(reply: Mapping[str, Any]) -> list[NodeWithScore]:
    return [_node(passage["id"], passage["text"], passage) for passage in reply["passages"]]


def _node(node_id: str | None, text: str, found: Mapping[str, Any]) -> NodeWithScore:
    metadata = {
        name: value for name, value in found.items() if name not in ("id", "text", "quote", "n", "score")
    }
    hidden = [name for name in metadata if name not in _SHOWN_TO_MODELS]
    source = RelatedNodeInfo(node_id=found["document_id"])
    node = TextNode(
        text=text,
        metadata=metadata,
        start_char_idx=found["start"],
        end_char_idx=found["end"],
        relationships={NodeRelationship.SOURCE: source},
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
        **({} if node_id is None else {"id_": node_id}),
    )
    return NodeWithScore(node=node, score=found["score"])


def _cited(tandem: Mapping[str, Any]) -> list[NodeWithScore]:
    return [_node(None, citation["quote"], citation) for citation in tandem["citations"]]


def _about(tandem: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tandem.items() if name != "citations"}


def _response(reply: Mapping[str, Any]) -> Response:
    message, tandem = reply["choices"][0]["message"], reply["tandem"]
    return Response(message["content"], _cited(tandem), _about(tandem))


def _read(event: Mapping[str, Any], nodes: list[NodeWithScore], told: dict[str, Any]) -> Iterator[str]:
    """The text of an event; what it tells of the answer goes into `nodes` and `told`."""
    for choice in event["choices"]:
        if piece := choice["delta"].get("content"):
            yield piece
    if "tandem" in event:
        nodes += _cited(event["tandem"])
        told |= _about(event["tandem"])
