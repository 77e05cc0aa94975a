"""An answer's quality is sampled once, by one watcher, and the day's budget holds for all of them."""

from datetime import datetime, timedelta
from threading import Thread

from watched import NOW, seen

from tandem.store import Observation, Store, Trace

DAY = timedelta(days=1)


def trace_of(answer: Observation) -> Trace:
    return Trace(
        id=answer.trace_id,
        tenant=answer.tenant,
        recipe=answer.recipe,
        prompt_version="p",
        question="When?",
        corpora=[],
        answer="At seven. [1]",
        abstained=answer.outcome == "abstained",
        evidence=0.9,
        created_at=answer.at,
        tokens_in=1,
        tokens_out=1,
        timings={},
        passages=["c1"],
        citations=[{"n": 1, "quote": "It closes at seven."}],
    )


def answered(store: Store, trace_id: str, **fields: object) -> None:
    answer = seen(trace_id=trace_id, **fields)
    store.add_trace(trace_of(answer), answer)


def unjudged(store: Store, share: float = 1.0, at: datetime = NOW) -> list[str]:
    return sorted(one.id for one in store.unjudged(at - DAY, at, share, 100))


def test_only_answers_that_somebody_saw_and_nobody_judged_are_offered(store: Store) -> None:
    answered(store, "0a")
    answered(store, "0b", outcome="abstained")
    answered(store, "0c", shadow=True)
    answered(store, "0d", quality=0.5)
    answered(store, "0e", at=NOW - 2 * DAY)
    assert unjudged(store) == ["0a"]


def test_the_share_is_drawn_by_the_id_so_that_watchers_agree(store: Store) -> None:
    for number in range(256):
        answered(store, f"{number:02x}{number:030x}")
    assert len(unjudged(store)) == 100  # a page
    few = unjudged(store, 0.25)
    assert few == [f"{number:02x}{number:030x}" for number in range(64)]
    assert unjudged(store, 0.0) == []


def test_a_claimed_answer_is_one_watchers_until_it_gives_up(store: Store) -> None:
    answered(store, "0a")
    claimed: list[bool] = []
    several = [Thread(target=lambda: claimed.append(store.claim_judging("0a", "m", NOW))) for _ in range(8)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert sorted(claimed) == [False] * 7 + [True]
    assert unjudged(store) == []
    later = NOW + timedelta(seconds=601)
    assert unjudged(store, at=later) == ["0a"]
    assert store.claim_judging("0a", "m", later)
    store.end_judging("0a", later, quality=0.75, proven=True)
    assert not store.claim_judging("0a", "m", later + DAY)
    (kept,) = store.observations(since=NOW - DAY)
    assert kept.quality == 0.75


def test_a_failure_is_for_good_and_a_release_is_not(store: Store) -> None:
    for name in ("0a", "0b"):
        answered(store, name)
        store.claim_judging(name, "m", NOW)
    store.end_judging("0a", NOW, quality=None, proven=False, failure="not of the form")
    store.release_judging("0b")
    assert unjudged(store) == ["0b"]


def test_watchers_together_never_spend_more_than_the_day_allows(store: Store) -> None:
    spent: list[bool] = []

    def spend() -> None:
        spent.append(store.spend_on_quality("2026-11-28", 4, 10, most_calls=18) is not None)

    several = [Thread(target=spend) for _ in range(8)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert sum(spent) == 4
    assert (store.spent_on_quality("2026-11-28").calls, store.spent_on_quality("2026-11-28").tokens) == (
        16,
        40,
    )
    store.spend_on_quality("2026-11-28", -2, 0)
    assert store.spend_on_quality("2026-11-28", 4, 0, most_calls=18) is not None
    assert store.spend_on_quality("2026-11-28", 0, 0, most_tokens=40) is None
    assert store.spent_on_quality("2026-11-29").calls == 0
