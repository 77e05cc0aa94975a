"""Gathers what a run is made of, before its first question: arms, corpora, and what it took to have them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import httpx

from eval.case import EvalCase
from eval.comparison import CurvePoint
from eval.running.arms import arms_of
from eval.running.facts import ArmFacts, CorpusFacts, RunFacts, SetFacts
from eval.running.machine import machine, versions
from eval.sets import EvalSet
from eval.suites.planting import Planting
from finetune.validation.report import read_training
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import Settings
from tandem.store import Store
from tandem.vocabulary import Caller

_PAGE = 1_000
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


def corpora_of(store: Store, names: Sequence[str], *, searching: bool) -> tuple[CorpusFacts, ...]:
    """The corpora of these names, or all, as they are now. Raises `NotFoundError`, and `InvalidRequestError` where
    there is none to search.
    """
    known = {one.name: one for one in store.corpora(Caller())}
    if missing := [name for name in names if name not in known]:
        raise NotFoundError(
            f"There is no corpus {missing[0]!r}",
            param="corpus",
            hint=f"Known: {', '.join(known)}." if known else "Ingest one: tandem ingest PATH --corpus NAME",
        )
    if searching and not known:
        raise InvalidRequestError(
            "There is no corpus to search", param="corpus", hint="tandem ingest PATH --corpus NAME"
        )
    return tuple(
        CorpusFacts(
            name=name,
            documents=known[name].documents,
            chunks=known[name].chunks,
            version=_version_of(store, name),
        )
        for name in names or known
    )


def with_corpora(arm: ArmFacts, corpora: Sequence[CorpusFacts], store: Store, settings: Settings) -> ArmFacts:
    """The arm with what it took to have what it searches."""
    if not arm.retrieves:
        return arm
    seconds = [_ingestion_s(store, one) for one in corpora]
    told = [one for one in seconds if one is not None]
    return arm.model_copy(
        update={
            "ingestion_s": round(sum(told), 1) if len(told) == len(seconds) else None,
            "index_bytes": _index_bytes(store, corpora, settings),
        }
    )


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


def _version_of(store: Store, corpus: str) -> str:
    """Digest of the current versions of the corpus's documents."""
    digest, offset = sha256(), 0
    while page := store.documents(Caller(), corpus, limit=_PAGE, offset=offset):
        for document in page:
            digest.update(f"{document.uri}\x00{document.version}\n".encode())
        offset += len(page)
    return digest.hexdigest()[:12]


def _ingestion_s(store: Store, corpus: CorpusFacts) -> float | None:
    """Seconds of the jobs that wrote its chunks; `None` where those that are still known did not write them all."""
    jobs = [one for one in store.jobs(Caller(), corpus.name, limit=_PAGE) if one.started_at and one.ended_at]
    if sum(one.chunks for one in jobs) < corpus.chunks:
        return None
    spent = (one.ended_at - one.started_at for one in jobs if one.ended_at and one.started_at)
    return sum(each.total_seconds() for each in spent)


def _index_bytes(store: Store, corpora: Iterable[CorpusFacts], settings: Settings) -> int | None:
    """The share of these corpora in the embedded index, by chunks; `None` where it is at a server."""
    active = store.active_collection()
    total = sum(one.chunks for one in store.corpora(Caller()))
    if settings.index.url is not None or active is None or not total:
        return None
    folder: Path = settings.data_dir / "index" / active.name
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return round(size * sum(one.chunks for one in corpora) / total)


def _shaping(settings: Settings) -> dict[str, Any]:
    told: dict[str, Any] = settings.model_dump(mode="json", include=_SHAPING)  # type: ignore[arg-type]
    return {
        group: {name: value for name, value in fields.items() if not name.endswith(_SECRET)}
        for group, fields in told.items()
    }
