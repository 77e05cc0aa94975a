"""Ragas's knowledge graph of Tandem's own chunks. Imports Ragas: import it late."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from eval.sets.ragas_model import Letters, NoAnswerError, OwnEmbedding, StructuredModel
from tandem.errors import TandemError
from tandem.vocabulary import Passage

# Behind `ragas_model`, which tells Ragas before its import to send no word of its use.
from ragas.testset.graph import KnowledgeGraph, Node, NodeType  # isort: skip
from ragas.testset.transforms import default_transforms_for_prechunked  # isort: skip
from ragas.testset.transforms.base import Extractor, LLMBasedExtractor  # isort: skip
from ragas.testset.transforms.engine import Parallel  # isort: skip


async def graph_of(
    passages: Sequence[Passage],
    model: StructuredModel,
    embedding: OwnEmbedding,
    moved: Callable[[int, int], None],
) -> tuple[KnowledgeGraph, Counter[str]]:
    """Chunks with summary, themes, entities and what they share, by Ragas's transformations for chunks.

    A chunk of which the model says nothing usable is left out; the counter tells how many, and why. `moved` is
    told how many steps are done, of how many. Raises what the model raises when it cannot be asked.
    """
    graph = KnowledgeGraph(nodes=[_node(one) for one in passages])
    dropped: Counter[str] = Counter()
    # Ragas's own types know only the older of its two kinds of embeddings; its code knows both.
    steps = list(_flat(default_transforms_for_prechunked(model, cast(Any, embedding))))
    for number, step in enumerate(steps, start=1):
        if isinstance(step, LLMBasedExtractor):
            step.tokenizer = Letters()
        before = len(graph.nodes)
        await gathered(step.generate_execution_plan(graph))
        if isinstance(step, Extractor):
            name = str(vars(step)["property_name"])
            graph.nodes = [node for node in graph.nodes if node.get_property(name) is not None]
            why = f"of a chunk the model gave no {name.replace('_', ' ')}"
        else:
            why = "a chunk is not worth a question, says the model"
        dropped[why] += before - len(graph.nodes)
        moved(number, len(steps))
    return graph, +dropped


async def gathered(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Results, or the errors of single pieces; an engine that cannot be asked ends all of it."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*(_unless_engine_fails(one) for one in tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _unless_engine_fails(task: asyncio.Task[Any]) -> Any:
    try:
        return await task
    except TandemError:
        raise
    # What Ragas makes of an answer that has the form, but not the sense: a persona that it does not know.
    except (NoAnswerError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        return error


def _node(one: Passage) -> Any:
    chunk = one.chunk
    return Node(
        type=NodeType.CHUNK,
        properties={"page_content": chunk.text, "document_metadata": {"uri": chunk.uri, "chunk": chunk.id}},
    )


def _flat(steps: Any) -> Any:
    for step in steps:
        if isinstance(step, Parallel):
            yield from _flat(step.transformations)
        else:
            yield step
