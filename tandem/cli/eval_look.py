"""Looks at a run that is in the store: scores it, has it judged, and makes its comparison."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eval.case import EvalCase
from eval.comparing import Options, compare_run, replies_by_arm
from eval.comparison import Comparison
from eval.cutting import contexts_of
from eval.measure import Scores
from eval.prices import PriceTable
from eval.report.examples import MOST
from eval.running.keeping import EvalRun, EvalRuns
from eval.running.resuming import plan_of, set_of
from eval.scoring import Instruments
from eval.sets import EvalSets
from tandem.cli.opened import opened_store
from tandem.cli.output import progress
from tandem.embedding import Embedder, load_embedder
from tandem.live import embedding_of
from tandem.models import prepare_model
from tandem.settings import Settings
from tandem.store import Store
from tandem.tokens import load_tokens


@dataclass(frozen=True, slots=True)
class Look:
    """How a user wants to look at a run."""

    prices: PriceTable = field(default_factory=PriceTable)
    leading: str | None = None
    judge: bool = False
    judge_measures: tuple[str, ...] = ()
    """All that the judge has, where none is named."""
    similarity: bool = False
    """Whether texts are embedded: for the likeness of answers, and what a perfect search would have found."""
    examples: int = MOST
    """Most questions that a report quotes."""
    command: str = ""


def compared(settings: Settings, ref: str, look: Look) -> Comparison:
    """The comparison of a run. Raises `NotFoundError`, `ConflictError`, and as `compare_run` and the judge."""
    with opened_store(settings) as store, _embedder(settings, store, wanted=look.similarity) as embedder:
        run = EvalRuns(store).get(ref)
        eval_set = set_of(run.facts, store)
        replies = EvalRuns(store).replies(run.id)
        plan = plan_of(run.facts, store)
        judged: Mapping[str, Sequence[Scores]] = {}
        told: dict[str, Any] = {}
        warnings = _warnings(run)
        if look.judge:
            from tandem.cli.eval_judging import judge_run

            said = replies_by_arm(plan, replies.values())
            found = asyncio.run(judge_run(settings, plan.cases, said, look.judge_measures, embedder))
            judged, told = found.scores, {"judge": found.told}
            warnings += found.warnings
        progress("Scoring")
        options = Options(
            prices=look.prices,
            instruments=_instruments(settings, run, plan.cases, store, embedder),
            judged=judged,
            leading=look.leading,
            examples=look.examples,
            warnings=warnings,
            made_with=told,
            command=look.command,
        )
        return compare_run(run, replies.values(), eval_set, options)


def _instruments(
    settings: Settings, run: EvalRun, cases: Sequence[EvalCase], store: Store, embedder: Embedder | None
) -> Instruments:
    count = _counting(settings)
    if embedder is None:
        return Instruments(count_tokens=count)
    corpora = [one.name for one in run.facts.corpora]
    return Instruments(
        embed=embedder.embed_documents,
        contexts=contexts_of(cases, corpora, store, settings, embedder),
        count_tokens=count,
    )


def _counting(settings: Settings) -> Callable[[str], int] | None:
    """Counts tokens as the model does; `None` where its tokenizer is not at hand: an estimate would be no measure."""
    folder = settings.engine.tokenizer
    if settings.engine.address is None:
        folder = prepare_model(settings.engine.model, settings.data_dir, progress)
    tokens = load_tokens(folder)
    return tokens.count if tokens.exact else None


def _warnings(run: EvalRun) -> tuple[str, ...]:
    trained = [arm.name for arm in run.facts.arms if arm.adapter is not None]
    if not trained or run.facts.checked:
        return ()
    return (
        f"Nobody has checked whether the adapter of {' and '.join(trained)} was trained on questions or documents of "
        "this set: name its training set with --against.",
    )


@contextmanager
def _embedder(settings: Settings, store: Store, *, wanted: bool) -> Iterator[Embedder | None]:
    """That of the collection which answers: the documents are cut by its tokens."""
    if not wanted:
        yield None
        return
    active = store.active_collection()
    embedding = embedding_of(active.embedding, settings.embedding) if active else settings.embedding
    embedder = load_embedder(embedding, settings.data_dir, progress)
    try:
        yield embedder
    finally:
        embedder.close()


def cases_of(settings: Settings, ref: str) -> tuple[EvalCase, ...]:
    """The cases of an eval set. Raises `NotFoundError`."""
    with opened_store(settings) as store:
        return EvalSets(store).get(ref).cases
