"""Gathers what a run is made of, before its first question: arms, corpora, and what it took to have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from eval.case import EvalCase
from eval.comparison import CurvePoint
from eval.running.arms import arms_of
from eval.running.corpora import corpora_of, with_corpora
from eval.running.facts import ArmFacts, RunFacts, SetFacts
from eval.running.machine import machine, versions
from eval.sets import EvalSet
from eval.suites.planting import Planting
from finetune.validation.report import read_training
from tandem.errors import InvalidRequestError
from tandem.settings import Settings
from tandem.store import Store

_SHAPING = {
    "answer": ...,
    "embedding": {"model", "address", "query_prompt", "document_prompt"},
    "engine": {"address", "model", "served_name", "adapters", "context_tokens", "extra_args"},
    "retrieval": ...,
}
"""Settings that shape answers, without keys."""
_SECRET = "api_key"  # noqa: S105 - the end of names, not a secret


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user wants to be run."""

    arms: tuple[str, ...]
    corpora: tuple[str, ...] = ()
    """Corpora to search; all where none is named."""
    instructions: Mapping[str, str] | None = None
    """By arm."""
    without: bool = False
    repeats: int = 0
    paraphrases: bool = False
    planted: tuple[Planting, ...] = ()
    max_tokens: int | None = None
    seed: int = 0
    limit: int | None = None
    at_once: int = 16
    alone: int | None = None
    """Cases that are asked arm after arm; by default a quarter of them, where those are enough to be busy with."""
    training: Path | None = None
    """Folder that `tandem finetune train` wrote, for the learning curve."""
    command: str = ""
    checked: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()


async def gather(
    wish: Wish,
    eval_set: EvalSet,
    http: httpx.AsyncClient,
    store: Store,
    settings: Settings,
) -> RunFacts:
    """The facts of a run of this set. Nothing is asked of a model.

    Raises as `arms_of`, `NotFoundError` for a corpus that there is not, and `InvalidRequestError` where nothing is
    left to ask or to search.
    """
    cases = drawn(eval_set.cases, wish.limit, wish.seed)
    if not cases:
        raise InvalidRequestError(f"The eval set {eval_set.name} has no case", param="set")
    arms = await arms_of(wish.arms, http, store, wish.instructions or {})
    if wish.training is not None:
        arms = with_curve(arms, wish.training, store)
    searching = any(arm.retrieves for arm in arms)
    corpora = corpora_of(store, wish.corpora, searching=searching)
    if wish.planted and not wish.corpora:
        raise InvalidRequestError("Planted passages need a corpus to be put beside", param="corpus")
    return RunFacts(
        eval_set=SetFacts(
            name=eval_set.name,
            number=eval_set.number,
            hash=eval_set.hash,
            cases=tuple(case.id for case in cases),
            of=len(eval_set.cases),
        ),
        arms=tuple(with_corpora(arm, corpora, store, settings) for arm in arms),
        corpora=corpora,
        searched=wish.corpora,
        without=wish.without,
        repeats=wish.repeats,
        paraphrases=wish.paraphrases,
        planted=wish.planted,
        max_tokens=wish.max_tokens,
        seed=wish.seed,
        drawn_with=wish.seed if len(cases) < len(eval_set.cases) else None,
        at_once=wish.at_once,
        alone=_alone(wish, len(cases)),
        command=wish.command,
        versions=versions(),
        machine=machine(),
        settings=_shaping(settings),
        checked=wish.checked,
        forced=wish.forced,
    )


def drawn(cases: Sequence[EvalCase], limit: int | None, seed: int) -> tuple[EvalCase, ...]:
    """At most `limit` of the cases, drawn by the seed, in the order of the set."""
    if limit is None or limit >= len(cases):
        return tuple(cases)
    places = sorted(Random(seed).sample(range(len(cases)), limit))  # noqa: S311 - a sample, no secret
    return tuple(cases[place] for place in places)


def with_curve(arms: Sequence[ArmFacts], training: Path, store: Store) -> tuple[ArmFacts, ...]:
    """The arms; those whose adapter was trained on the training's set have its learning curve.

    Raises `InvalidRequestError` for a folder that cannot be read, or that none of the arms is of.
    """
    said = read_training(training)
    curve = tuple(CurvePoint(x=one["step"], y=one["loss"]) for one in said.get("validations") or ())
    of = {arm.name for arm in arms if arm.adapter and _data_hash(arm.adapter, store) == said.get("data_hash")}
    if not of:
        raise InvalidRequestError(
            f"No arm has an adapter of the training set of {training}",
            param="training",
            hint="Name the folder of the training that the adapter of `tuned` or `hybrid` is of.",
        )
    return tuple(arm.model_copy(update={"learning_curve": curve}) if arm.name in of else arm for arm in arms)


def _data_hash(adapter: str, store: Store) -> str:
    name, _, number = adapter.rpartition("@")
    return store.adapter(name, number).data_hash


def _alone(wish: Wish, cases: int) -> int:
    if len(wish.arms) < 2:
        return 0  # it is alone already
    if wish.alone is not None:
        return min(wish.alone, cases)
    return max(2 * wish.at_once, cases // 4) if cases >= 4 * wish.at_once else 0


def _shaping(settings: Settings) -> dict[str, Any]:
    told: dict[str, Any] = settings.model_dump(mode="json", include=_SHAPING)  # type: ignore[arg-type]
    return {
        group: {name: value for name, value in fields.items() if not name.endswith(_SECRET)}
        for group, fields in told.items()
    }
