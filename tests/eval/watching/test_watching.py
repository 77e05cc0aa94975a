"""Sampled answers are scored once, within the day's budget, and a judge that is away costs nobody an answer."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_judge import FakeJudge
from watched import seen

from eval.judging.judge import Judge, open_judge
from eval.watching.overlap import overlap
from eval.watching.scoring import JudgeScorer, OverlapScorer, Score, judge_scorer
from eval.watching.watch import Watched, watch_once
from tandem.errors import UnavailableError
from tandem.settings import AlertSettings, JudgeSettings, Settings
from tandem.store import Store, Trace, open_store

SAID = "The gate closes at seven in the evening."
ALL = AlertSettings(quality_share=1.0)


def trace_of(
    number: int, answer: str = f"{SAID} [1]", quotes: tuple[str, ...] = (SAID,), **fields: object
) -> Trace:
    usual = {
        "id": f"{number:032x}",
        "tenant": "acme",
        "recipe": "rag@aaaaaaaaaaaa",
        "prompt_version": "p",
        "question": "When does the gate close?",
        "corpora": [],
        "answer": answer,
        "abstained": False,
        "evidence": 0.9,
        "created_at": datetime.now(UTC) - timedelta(minutes=1),
        "tokens_in": 1,
        "tokens_out": 1,
        "timings": {},
        "passages": ["c1"],
        "citations": [{"n": n, "quote": quote} for n, quote in enumerate(quotes, 1)],
    }
    return Trace(**usual | fields)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(Settings(data_dir=tmp_path).store, tmp_path)
    yield store
    store.close()


def answered(store: Store, n: int, **fields: object) -> None:
    for number in range(n):
        trace = trace_of(number, **fields)  # type: ignore[arg-type]
        store.add_trace(trace, seen(trace_id=trace.id, at=trace.created_at))


def qualities(store: Store) -> list[float | None]:
    return [one.quality for one in store.observations(since=datetime.now(UTC) - timedelta(hours=1))]


class CountingScorer(OverlapScorer):
    """Scores 0.5, notes whom it scored, and costs three replies."""

    name, proven, most_calls = "counting", True, 3

    def __init__(self, wait_s: float = 0.0) -> None:
        self.scored: list[str] = []
        self.wait_s = wait_s

    async def score(self, trace: Trace) -> Score:
        await asyncio.sleep(self.wait_s)
        self.scored.append(trace.id)
        return Score(0.5)

    def spent(self) -> tuple[int, int]:
        return 3 * len(self.scored), 100 * len(self.scored)


async def test_every_sampled_answer_is_scored_once(store: Store) -> None:
    answered(store, 60)
    scorer = CountingScorer()
    assert await watch_once(store, scorer, ALL) == Watched(scored=60)
    assert await watch_once(store, scorer, ALL) == Watched()
    assert len(scorer.scored) == 60
    assert qualities(store) == [0.5] * 60
    assert store.spent_on_quality(f"{datetime.now(UTC):%Y-%m-%d}").calls == 180


async def test_two_watchers_score_no_answer_twice(store: Store) -> None:
    answered(store, 40)
    one, other = CountingScorer(0.001), CountingScorer(0.001)
    await asyncio.gather(watch_once(store, one, ALL), watch_once(store, other, ALL))
    await watch_once(store, one, ALL)
    assert sorted(one.scored + other.scored) == [f"{number:032x}" for number in range(40)]


async def test_several_watchers_spend_no_more_than_the_day_allows(store: Store) -> None:
    answered(store, 20)
    few = ALL.model_copy(update={"quality_calls_a_day": 10})
    one, other = CountingScorer(), CountingScorer()
    done = await asyncio.gather(watch_once(store, one, few), watch_once(store, other, few))
    assert all("budget is used up" in each.stopped for each in done)
    assert len(one.scored + other.scored) == 3
    tomorrow = datetime.now(UTC) + timedelta(hours=24) - timedelta(minutes=30)
    later = await watch_once(store, one, few, lambda: tomorrow)
    assert later.scored == 3, "another day, another budget"


async def test_tokens_have_a_budget_too(store: Store) -> None:
    answered(store, 9)
    few = ALL.model_copy(update={"quality_tokens_a_day": 150})
    done = await watch_once(store, CountingScorer(), few)
    assert (done.scored, bool(done.stopped)) == (2, True)


async def test_an_answer_of_which_the_judge_is_away_is_left_for_later(store: Store) -> None:
    answered(store, 3)

    class Away(CountingScorer):
        async def score(self, trace: Trace) -> Score:
            return Score(None, "judge out of reach: nobody there", away=True)

    done = await watch_once(store, Away(), ALL)
    assert (done.scored, done.failed, done.stopped) == (0, 0, "judge out of reach: nobody there")
    assert await watch_once(store, CountingScorer(), ALL) == Watched(scored=3)


async def test_a_watcher_that_is_stopped_leaves_no_answer_claimed_and_pays_for_what_it_asked(
    store: Store,
) -> None:
    answered(store, 1)
    working = asyncio.create_task(watch_once(store, CountingScorer(30), ALL))
    while store.spent_on_quality(f"{datetime.now(UTC):%Y-%m-%d}").calls == 0:
        await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.wait((working,))
    for _ in range(100):  # what runs on a thread goes on to its end
        if (await watch_once(store, CountingScorer(), ALL)).scored:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it was never scored")


@pytest.mark.parametrize(
    ("answer", "quotes", "passages", "least", "most"),
    [
        (f"{SAID} [1]", (SAID,), ["c"], 1.0, 1.0),
        ("Bananas dream of purple thunder. [1]", (SAID,), ["c"], 0.0, 0.0),
        (f"{SAID} [1] Bananas dream of purple thunder.", (SAID,), ["c"], 0.5, 0.5),
        (SAID, (), ["c"], 0.0, 0.0),
    ],
)
def test_overlap_is_the_share_of_words_that_what_is_cited_has(
    answer: str, quotes: tuple[str, ...], passages: list[str], least: float, most: float
) -> None:
    found = overlap(trace_of(1, answer, quotes, passages=passages))
    assert found is not None
    assert least <= found <= most


def test_an_answer_of_a_recipe_that_cites_nothing_has_no_overlap() -> None:
    assert overlap(trace_of(1, SAID, (), passages=[])) is None


def judged(settings: Settings, address: str) -> tuple[Settings, Judge]:
    known = settings.model_copy(update={"judge": JudgeSettings(address=address, retries=0)})
    return known, open_judge(known)


async def test_a_judge_scores_the_answer_against_what_it_cites_and_is_paid_once(
    store: Store, tmp_path: Path
) -> None:
    answered(store, 2)
    with FakeJudge.serving() as fake:
        settings, judge = judged(Settings(data_dir=tmp_path, alerts=ALL), fake.address)
        scorer = await judge_scorer(judge, settings)
        assert not scorer.proven, "nobody has judged this judge"
        done = await watch_once(store, scorer, ALL)
        await judge.close()
    assert done.scored + done.failed == 2
    asked = [message["content"] for body in fake.asked for message in body["messages"]]
    assert any(SAID in one for one in asked)
    spent = store.spent_on_quality(f"{datetime.now(UTC):%Y-%m-%d}")
    assert (spent.calls, spent.tokens) == (judge.usage.calls, 15 * judge.usage.calls)
    assert 0 < spent.calls <= 2 * scorer.most_calls


async def test_a_judge_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    settings, judge = judged(Settings(data_dir=tmp_path), "http://127.0.0.1:9/v1")
    with pytest.raises(UnavailableError):
        await judge_scorer(judge, settings)
    await judge.close()


async def test_a_judge_that_goes_away_leaves_the_answers(store: Store, tmp_path: Path) -> None:
    answered(store, 2)
    with FakeJudge.serving() as fake:
        fake.hangs_from = 1
        quick = JudgeSettings(address=fake.address, retries=0, timeout_s=0.2)
        judge = open_judge(Settings(data_dir=tmp_path, judge=quick))
        done = await watch_once(store, JudgeScorer(judge, "faithfulness", proven=True), ALL)
        await judge.close()
    assert done.stopped.startswith("judge too slow"), done
    assert await watch_once(store, CountingScorer(), ALL) == Watched(scored=2)
