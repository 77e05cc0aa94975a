"""Questions are asked once, a few at a time, and what was answered is kept whatever happens next."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from finetune.validation.asking import Reply, Wish, ask_all, read_replies
from tandem.errors import EngineFailedError, StorageError


def wish(number: int, recipe: str = "rag") -> Wish:
    return Wish(recipe=recipe, version="abc", id=f"q{number}", question=f"Question {number}?")


def reply(text: str) -> Reply:
    return Reply(text, False, ("passage",), 5, 3, 0.1, "stop")


class Asked:
    """Answers with the question, and counts."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.wishes: list[Wish] = []
        self.at_once = self.most = 0
        self.fails_at = fails_at

    async def __call__(self, wish: Wish) -> Reply:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(0.002)
            if len(self.wishes) == self.fails_at:
                raise EngineFailedError("it broke off")
            self.wishes.append(wish)
            return reply(wish.question)
        finally:
            self.at_once -= 1


async def test_replies_come_in_the_order_of_the_wishes_a_few_at_a_time(tmp_path: Path) -> None:
    ask, moved = Asked(), []
    wishes = [wish(n) for n in range(20)]
    found = await ask_all(
        wishes, ask, tmp_path / "a.jsonl", at_once=3, moved=lambda *step: moved.append(step)
    )
    assert [one.text for one in found] == [one.question for one in wishes]
    assert ask.most == 3
    assert moved[0] == (0, 20, 0)
    assert moved[-1] == (20, 20, 60)


async def test_what_is_kept_is_not_asked_again_and_what_differs_is(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.jsonl"
    first = Asked()
    await ask_all([wish(1), wish(2), wish(1)], first, file)
    assert len(first.wishes) == 2
    again = Asked()
    others = [wish(3), replace(wish(1), version="def"), replace(wish(1), without=("gate.md",))]
    found = await ask_all([wish(2), wish(1), *others], again, file)
    assert sorted(one.key for one in again.wishes) == sorted(one.key for one in others)
    assert found[0] == reply("Question 2?")
    assert len(read_replies(file)) == 5


async def test_a_failure_is_told_as_it_is_and_a_second_run_asks_only_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    wishes = [wish(n) for n in range(10)]
    with pytest.raises(EngineFailedError):
        await ask_all(wishes, Asked(fails_at=4), file, at_once=2)
    kept = len(read_replies(file))
    assert 4 <= kept <= 5
    rest = Asked()
    await ask_all(wishes, rest, file)
    assert len(rest.wishes) == 10 - kept


async def test_a_line_that_a_kill_has_cut_short_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    await ask_all([wish(1), wish(2)], Asked(), file)
    file.write_bytes(file.read_bytes()[:-20])
    again = Asked()
    await ask_all([wish(1), wish(2)], again, file)
    assert [one.id for one in again.wishes] == ["q2"]
    last = Asked()
    await ask_all([wish(1), wish(2)], last, file)
    assert last.wishes == []


async def test_a_file_that_cannot_be_written_is_an_error_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ask = Asked()
    with pytest.raises(StorageError):
        await ask_all([wish(1)], ask, tmp_path / "file" / "a.jsonl")
    with pytest.raises(StorageError):
        await ask_all([wish(1)], ask, tmp_path)
    assert ask.wishes == []
