"""The machine's time is shared out among the arms, and none of it is counted twice."""

import pytest

from eval.reply import Reply
from eval.running.busy import busy_seconds


def reply(arm: str, begun_at: float, seconds: float) -> Reply:
    return Reply(arm=arm, recipe_version="v", case="q", question="?", begun_at=begun_at, seconds=seconds)


def test_what_is_under_way_together_shares_the_time() -> None:
    spent = busy_seconds([reply("a", 10, 4), reply("b", 12, 4), reply("b", 12, 2)])
    # 10-12: a alone; 12-14: three, of which two are b's; 14-16: b alone.
    assert spent == pytest.approx({"a": 2 + 2 / 3, "b": 4 / 3 + 2})
    assert sum(spent.values()) == pytest.approx(6)


def test_a_pause_between_questions_counts_for_nobody() -> None:
    assert busy_seconds([reply("a", 0, 1), reply("a", 100, 1)]) == pytest.approx({"a": 2})
    assert busy_seconds([]) == {}
