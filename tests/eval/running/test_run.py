"""A run asks each question once, keeps each reply before it counts it, and goes on where it was ended."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from eval_plan import plan

from eval.reply import Failure, Reply
from eval.running import Asking, EvalRuns
from eval.running.run import run
from tandem.errors import NotFoundError, UnavailableError
from tandem.store import Store


@dataclass
class Asked:
    """Answers with the question, and counts."""

    runs: EvalRuns
    run_id: str
    gone_after: int | None = None
    asked: Counter[str] = field(default_factory=Counter)
    at_once: int = 0
    most: int = 0

    async def __call__(self, asking: Asking) -> Reply:
        if self.gone_after is not None and self.asked.total() >= self.gone_after:
            raise UnavailableError("The server does not answer")
        self.asked[asking.key] += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0.001)
        finally:
            self.at_once -= 1
        failure = Failure(type="too_large_error", message="long") if asking.case == "q3" else None
        return Reply(
            arm=asking.arm,
            recipe_version=asking.recipe_version,
            case=asking.case,
            question=asking.question,
            text=asking.question,
            tokens_out=3,
            failure=failure,
        )


async def test_a_run_that_was_ended_goes_on_and_asks_nothing_twice(store: Store) -> None:
    held, runs = plan(at_once=3), EvalRuns(store)
    begun = runs.begin(held.facts)
    ask = Asked(runs, begun.id, gone_after=7)
    with pytest.raises(UnavailableError):
        await run(held, begun.id, runs, ask)
    partial = runs.get(begun.id)
    assert (partial.state, partial.replies) == ("partial", len(runs.replies(begun.id)))
    # Those that were under way when it ended were cancelled: what is kept was answered.
    assert 7 - 3 < partial.replies <= 7

    moved: list[tuple[int, int, int]] = []
    ask.gone_after = None
    kept = set(runs.replies(begun.id))
    ask.asked.clear()
    await run(held, begun.id, runs, ask, lambda *step: moved.append(step))
    assert not kept & ask.asked.keys()
    assert set(ask.asked.values()) == {1}
    assert ask.most <= 3
    done = runs.get(begun.id)
    assert (done.state, done.replies, done.failed) == ("finished", 16, 2)
    assert done.ended_at is not None
    assert moved[0] == (len(kept), 16, 0)
    assert moved[-1] == (16, 16, 3 * (16 - len(kept)))

    ask.asked.clear()
    await run(held, begun.id, runs, ask)
    assert not ask.asked
    assert runs.forget_failures(begun.id) == 2
    await run(held, begun.id, runs, ask)
    assert sum(ask.asked.values()) == 2


async def test_a_reply_is_kept_before_it_is_counted(store: Store) -> None:
    held, runs = plan(), EvalRuns(store)
    begun = runs.begin(held.facts)
    counts: list[tuple[int, int]] = []
    await run(
        held,
        begun.id,
        runs,
        Asked(runs, begun.id),
        lambda done, total, tokens: counts.append((done, runs.get(begun.id).replies)),
    )
    assert all(kept >= done for done, kept in counts)


def test_runs_are_found_by_their_first_letters_listed_and_removed(store: Store) -> None:
    runs, facts = EvalRuns(store), plan().facts
    one, two = runs.begin(facts), runs.begin(facts)
    assert runs.get(one.id).facts == facts
    assert runs.get(one.id[:8]).id == one.id
    assert [each.id for each in runs.list()] == [two.id, one.id]
    assert runs.list("other") == []
    reply = Reply(arm="rag", recipe_version="v", case="q1", question="?", text="no \u0000 byte")
    assert runs.add(one.id, "k" * 64, reply)
    assert not runs.add(one.id, "k" * 64, reply.model_copy(update={"text": "later"}))
    assert runs.replies(one.id)["k" * 64].text == reply.text
    runs.delete(one.id)
    for wrong in (one.id, "abc", "%", ""):
        with pytest.raises(NotFoundError):
            runs.get(wrong)
    with pytest.raises(NotFoundError):
        runs.add(one.id, "k" * 64, reply)
