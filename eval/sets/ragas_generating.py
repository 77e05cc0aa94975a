"""Questions by Ragas's test-set generation, of one chunk and of several. Imports Ragas: import it late."""

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

from eval.case import EvalCase
from eval.sets.hashing import id_of_question
from eval.sets.ragas_graph import gathered, graph_of
from eval.sets.ragas_model import OwnEmbedding, StructuredModel
from finetune.dataset.likeness import AskedBefore
from tandem.errors import EngineFailedError
from tandem.vocabulary import Passage

# Behind `ragas_model`, which tells Ragas before its import to send no word of its use.
from ragas.prompt import StringIO  # isort: skip
from ragas.testset.persona import PersonaGenerationPrompt  # isort: skip
from ragas.testset.synthesizers import default_query_distribution  # isort: skip
from ragas.testset.synthesizers.prompts import ThemesPersonasMatchingPrompt  # isort: skip

_PERSONAS = 3
_SHORTEST_QUESTION = 3
"""Words."""


class _KnownPersonas(ThemesPersonasMatchingPrompt):
    """Of the model's answer, only the personas that there are: for another one Ragas would give up."""

    def process_output(self, output: Any, input: Any) -> Any:  # noqa: A002 - Ragas names it so
        known = {persona.name for persona in input.personas}
        return output.model_copy(
            update={"mapping": {name: themes for name, themes in output.mapping.items() if name in known}}
        )


async def ragas_cases(
    passages: Sequence[Passage],
    wanted: int,
    model: StructuredModel,
    embedding: OwnEmbedding,
    seed: int,
    moved: Callable[[int, int], None],
) -> tuple[list[tuple[EvalCase, str]], Counter[str]]:
    """At most `wanted` cases, each with the chunks that it was made of, and how many others were dropped, by why.

    Tags tell hops and style. `moved` is told how many steps are done, of how many. Raises `EngineFailedError`
    where the model gives nothing that can be used, and what it raises when it cannot be asked.
    """
    random.seed(seed)  # Ragas draws from Python's own
    graph, dropped = await graph_of(passages, model, embedding, moved)
    if not graph.nodes:
        told = ", ".join(f"{many}: {why}" for why, many in dropped.items())
        raise EngineFailedError(
            f"Nothing of the corpus is left to ask about ({told})",
            hint="The model may be too small for Ragas's prompts; without --ragas, a small one does.",
        )
    personas = await _personas(graph, model)
    synthesizers = default_query_distribution(model, graph)
    kept: list[tuple[EvalCase, str]] = []
    asked = AskedBefore()
    for synthesizer, share in synthesizers:
        cast(Any, synthesizer).set_prompts(**{ThemesPersonasMatchingPrompt().name: _KnownPersonas()})
        count = math.ceil(wanted * share)
        (scenarios,) = await gathered([synthesizer.generate_scenarios(count, graph, personas)])
        if isinstance(scenarios, Exception):
            dropped[f"{synthesizer.name} finds no scenario: {scenarios}"] += count
            continue
        scenarios = scenarios[:count]
        samples = await gathered([synthesizer.generate_sample(one) for one in scenarios])
        for scenario, sample in zip(scenarios, samples, strict=True):
            made = sample if isinstance(sample, Exception) else _case(scenario, sample)
            why = "the model wrote no question" if isinstance(made, Exception) else _why_not(made[0], asked)
            if isinstance(made, Exception) or why:
                dropped[why] += 1
                continue
            asked.add(made[0].question)
            kept.append(made)
    return kept[:wanted], dropped


async def _personas(graph: Any, model: StructuredModel) -> list[Any]:
    """Who might ask, of the summaries of some chunks."""
    summaries = [str(node.get_property("summary")) for node in graph.nodes]
    drawn = random.sample(summaries, min(_PERSONAS, len(summaries)))
    prompt = PersonaGenerationPrompt()
    made = await gathered([prompt.generate(llm=model, data=StringIO(text=one)) for one in drawn])
    found = {one.name: one for one in made if not isinstance(one, Exception)}
    if not found:
        raise EngineFailedError(
            f"The model describes nobody who might ask: {made[0]}",
            hint="It may be too small for Ragas's prompts; without --ragas, a small one does.",
        )
    return list(found.values())


def _case(scenario: Any, sample: Any) -> tuple[EvalCase, str]:
    question, answer = " ".join(sample.user_input.split()), " ".join(sample.reference.split())
    documents = dict.fromkeys(node.get_property("document_metadata")["uri"] for node in scenario.nodes)
    case = EvalCase(
        id=id_of_question(question or "?"),
        question=question or "?",
        references=(answer,),
        documents=tuple(documents),
        tags=(
            "generated",
            "multi-hop" if len(scenario.nodes) > 1 else "single-hop",
            f"style:{scenario.style.name.lower().replace('_', '-')}",
        ),
    )
    return case, "\n".join(
        f"{node.get_property('document_metadata')['uri']}: {node.get_property('page_content')}"
        for node in scenario.nodes
    )


def _why_not(case: EvalCase, asked: AskedBefore) -> str:
    if len(case.question.split()) < _SHORTEST_QUESTION:
        return "it is no whole question"
    if not case.references[0]:
        return "it has no answer"
    if asked.same(case.question) or asked.near(case.question):
        return "it was asked before"
    return ""
