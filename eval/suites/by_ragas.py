"""Ragas's measures that ask no model, one value a row through its own public entry points.

Ragas takes seconds to import and is there only with the extra `eval`, so it is imported when the first row is
measured. It sends nothing home: its tracking is switched off before.
"""

import asyncio
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from eval.suites.embed import Embed
from eval.suites.rows import Row
from tandem.errors import SettingsError
from tandem.extras import hint_for

_NEEDED = ("ragas", "rapidfuzz.distance", "rouge_score.rouge_scorer")


class Ragas:
    """Ragas's metrics, made once, and the loop that they run in."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._run = runner.run
        with warnings.catch_warnings():
            # These four have no successor in ragas.metrics.collections yet, though the warning names one.
            warnings.simplefilter("ignore", DeprecationWarning)
            legacy = import_module("ragas.metrics")
            self._of_context = {
                name: getattr(legacy, name)()
                for name in (
                    "IDBasedContextPrecision",
                    "IDBasedContextRecall",
                    "NonLLMContextPrecisionWithReference",
                    "NonLLMContextRecall",
                )
            }
        self._sample: Any = import_module("ragas").SingleTurnSample
        collections = import_module("ragas.metrics.collections")
        self._of_answer = {
            "RougeScore": collections.RougeScore(rouge_type="rougeL", mode="fmeasure"),
            "NonLLMStringSimilarity": collections.NonLLMStringSimilarity(),
        }

    def of_contexts(self, name: str, **columns: list[str]) -> float:
        """A metric of retrieved and reference contexts, by texts or by ids, named as its class.

        NaN where Ragas gives it; raises what Ragas raises.
        """
        metric = self._of_context[name]
        return float(self._run(metric.single_turn_ascore(self._sample(**columns))))

    def of_answer(self, name: str, answer: str, references: Sequence[str]) -> float:
        """A metric of an answer and a reference: the best over the references, as Ragas takes one."""
        metric = self._of_answer[name]
        return max(
            float(self._run(metric.ascore(reference=reference, response=answer)).value)
            for reference in references
        )

    def learn_vectors(self, rows: Sequence[Row], embed: Embed) -> None:
        """Let `SemanticSimilarity` be known, by vectors of all texts of the rows, embedded at once."""
        from eval.suites.ragas_embedding import KnownVectors, similarity

        texts = {text or " " for row in rows for text in (row.answer, *row.case.references)}
        self._of_answer["SemanticSimilarity"] = similarity(KnownVectors.of(sorted(texts), embed))


@contextmanager
def opened_ragas() -> Iterator[Ragas]:
    """Ragas, ready to measure. Blocking, and for a thread without a running event loop.

    Raises `SettingsError` where the extra `eval` is not installed.
    """
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"
    try:
        for name in _NEEDED:
            import_module(name)
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"Ragas cannot be used: {error.name} is not installed", hint=hint_for("eval")
        ) from error
    with asyncio.Runner() as runner:
        yield Ragas(runner)
