"""The judge's client: nothing is paid for twice, also not after a kill, and no more than is to be spent."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_judge import FakeJudge, Fault, by_content
from pydantic import BaseModel

from eval.judging.faults import JudgeError
from eval.judging.judge import Judge, open_judge, present
from eval.judging.scores import judge_scores
from eval.judging.untracked import untracked
from tandem.errors import InvalidRequestError, SettingsError, StorageError, UnavailableError
from tandem.settings import JudgeSettings, Settings
from tandem.store.judge_replies import JudgeReplies

_CASES, _MEASURE = 8, "faithfulness"
_RUN = """
import asyncio, sys
from pathlib import Path
from eval.judging.judge import Judge
from eval.judging.labelled import bundled_cases
from eval.judging.scores import judge_scores
from tandem.settings import JudgeSettings
from tandem.store.judge_replies import JudgeReplies

async def main(address, file, number, measure):
    cases = bundled_cases()[: int(number)]
    judge = Judge(address, None, None, JudgeSettings(at_once=3), JudgeReplies(Path(file)))
    await judge_scores([c.as_case() for c in cases], [c.as_reply() for c in cases], judge, [measure])

asyncio.run(main(*sys.argv[1:]))
"""


class Verdict(BaseModel):
    verdict: int


async def test_the_same_is_asked_once_by_one_judge_and_by_the_next(fake_judge, judge_at) -> None:
    fake_judge.wait_s = 0.05
    judge = judge_at(fake_judge)
    said = await asyncio.gather(*(judge.ask("Is it so?", Verdict) for _ in range(5)))
    assert len({one.verdict for one in said}) == 1
    assert (judge.usage.calls, judge.usage.saved, judge.usage.tokens_in, judge.usage.tokens_out) == (
        1,
        4,
        10,
        5,
    )
    await judge.close()
    other = judge_at(fake_judge)
    assert await other.ask("Is it so?", Verdict) == said[0]
    assert (other.usage.calls, other.usage.saved) == (0, 1)
    await other.close()
    assert len(fake_judge.asked) == 1


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.5}, {"seed": 1}, {"answer_tokens": 64}, {"structure": "json_object"}],
)
async def test_another_sampling_is_another_question(fake_judge, judge_at, change: dict[str, Any]) -> None:
    for settings in ({}, change):
        judge = judge_at(fake_judge, **settings)
        await judge.ask("Is it so?", Verdict)
        await judge.close()
    assert len(fake_judge.asked) == 2


async def test_other_weights_an_occasion_or_a_form_are_another_question(fake_judge, judge_at) -> None:
    class Rating(BaseModel):
        rating: str

    judge = judge_at(fake_judge)
    await judge.ask("Is it so?", Verdict)
    await judge.ask("Is it so?", Verdict, occasion="again")
    await judge.ask("Is it so?", Rating)
    await judge.ask("Is it so?", Verdict, nth=1)  # at temperature 0 there is no other reply to be had
    await judge.close()
    assert len(fake_judge.asked) == 3
    fake_judge.root = "weights-2"
    other = judge_at(fake_judge)
    await other.ask("Is it so?", Verdict)
    assert (await other.identity()).served["root"] == "weights-2"
    await other.close()
    assert len(fake_judge.asked) == 4


async def test_a_prompt_that_wants_several_replies_gets_them_at_a_temperature(fake_judge, judge_at) -> None:
    judge = judge_at(fake_judge, temperature=0.7)
    for nth in (0, 1, 2, 1):
        await judge.ask("Make a question.", Verdict, nth)
    await judge.close()
    assert [body["seed"] for body in fake_judge.asked] == [0, 1, 2]


async def test_the_server_is_held_to_the_schema(fake_judge, judge_at) -> None:
    judge = judge_at(fake_judge)
    await judge.ask("Is it so?", Verdict)
    await judge.close()
    wanted = fake_judge.asked[0]["response_format"]
    assert wanted["type"] == "json_schema"
    assert wanted["json_schema"]["schema"]["required"] == ["verdict"]
    assert fake_judge.asked[0]["temperature"] == 0


async def test_a_reply_that_is_not_of_the_form_is_corrected_once_and_its_failure_is_not_paid_again(
    fake_judge, judge_at
) -> None:
    def script(prompt: str, schema: dict[str, Any]) -> object:
        raise Fault(raw='{"verdict": "perhaps"}')

    fake_judge.script = script
    for calls in (2, 0):
        judge = judge_at(fake_judge, corrections=1)
        with pytest.raises(JudgeError, match="not of the form: verdict"):
            await judge.ask("Is it so?", Verdict)
        assert judge.usage.calls == calls
        await judge.close()


async def test_a_busy_judge_is_asked_again_and_a_failure_of_the_moment_is_not_kept(
    fake_judge, judge_at
) -> None:
    faults = [Fault(429), Fault(503)]

    def script(prompt: str, schema: dict[str, Any]) -> object:
        if faults:
            raise faults.pop()
        return by_content(prompt, schema)

    fake_judge.script = script
    judge = judge_at(fake_judge, retries=1)
    with pytest.raises(JudgeError, match="busy"):
        await judge.ask("Is it so?", Verdict)
    assert (await judge.ask("Is it so?", Verdict)).verdict in (0, 1)
    await judge.close()


async def test_no_more_is_asked_at_once_than_is_allowed(fake_judge, judge_at) -> None:
    fake_judge.wait_s = 0.3
    judge = judge_at(fake_judge, at_once=3)
    await asyncio.gather(*(judge.ask(f"Is {n} so?", Verdict) for n in range(6)))
    await judge.close()
    assert 1 < fake_judge.most_at_once <= 3


@pytest.mark.parametrize("budget", [{"budget_calls": 2}, {"budget_tokens": 30}])
async def test_no_more_is_spent_than_the_budget(fake_judge, judge_at, budget: dict[str, int]) -> None:
    judge = judge_at(fake_judge, at_once=1, **budget)
    for n in range(2):
        await judge.ask(f"Is {n} so?", Verdict)
    with pytest.raises(JudgeError, match="budget used up"):
        await judge.ask("Is 2 so?", Verdict)
    await judge.ask("Is 1 so?", Verdict)  # that was paid for
    await judge.close()
    assert len(fake_judge.asked) == 2


async def test_a_run_that_is_killed_and_resumed_pays_for_no_reply_twice_and_ends_the_same(
    tmp_path: Path, labelled
) -> None:
    async def judged(server: FakeJudge, file: Path) -> tuple[object, int]:
        judge = Judge(server.address, None, None, JudgeSettings(at_once=3), JudgeReplies(file))
        cases = labelled[:_CASES]
        found = await judge_scores(
            [one.as_case() for one in cases], [one.as_reply() for one in cases], judge, [_MEASURE]
        )
        await judge.close()
        return [(scores.values, scores.failed) for scores in found], judge.usage.calls

    file = tmp_path / "cache.sqlite3"
    with FakeJudge.serving() as server:
        server.hangs_from = 9
        with subprocess.Popen(
            [sys.executable, "-c", _RUN, server.address, str(file), str(_CASES), _MEASURE],
            env=os.environ | {"PYTHONPATH": "."},
        ) as killed:
            deadline = time.monotonic() + 240
            while len(server.asked) < 11:  # three hang; all before them have their reply
                assert killed.poll() is None
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            killed.kill()
        assert server.answered.total() == 8
        server.hangs_from = None
        resumed, calls = await judged(server, file)
        assert set(server.answered.values()) == {1}
        assert calls == server.answered.total() - 8
        assert (await judged(server, tmp_path / "other.sqlite3"))[0] == resumed


async def test_the_only_model_needs_no_name_and_of_several_one_must_be_named(fake_judge, judge_at) -> None:
    judge = judge_at(fake_judge)
    assert (await judge.identity()).model == "fake-judge"
    await judge.close()
    fake_judge.models = ["one", "two"]
    judge = judge_at(fake_judge)
    with pytest.raises(InvalidRequestError, match="one, two"):
        await judge.identity()
    await judge.close()


async def test_without_an_address_the_judge_is_tandems_own_engine(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine={"port": 9, "served_name": "mine"})
    judge = open_judge(settings)
    with pytest.raises(UnavailableError, match="out of reach"):
        await present(judge)
    await judge.close()
    assert (tmp_path / "eval" / "judge" / "cache.sqlite3").exists()
    with FakeJudge.serving() as server:
        away = open_judge(
            Settings(data_dir=tmp_path, engine={"address": server.address.removesuffix("/v1")}), model="mine"
        )
        identity = await away.identity()
        assert (identity.model, identity.address) == ("mine", server.address)
        await away.close()


async def test_a_password_in_the_address_is_not_kept(fake_judge, judge_at, tmp_path: Path) -> None:
    address = fake_judge.address.replace("//", "//me:secret@")
    judge = Judge(address, None, None, JudgeSettings(), JudgeReplies(tmp_path / "cache.sqlite3"))
    identity = await judge.identity()
    await judge.close()
    assert identity.address == fake_judge.address


async def test_neither_a_key_nor_a_proxy_of_the_environment_is_used(
    fake_judge, judge_at, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    judge = judge_at(fake_judge)
    await judge.ask("Is it so?", Verdict)
    assert judge._client.api_key == "none"
    await judge.close()


def test_a_file_of_replies_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite3"
    file.write_bytes(b"no database, but longer than the head of one" * 40)
    with pytest.raises(StorageError, match="cannot be kept"):
        JudgeReplies(file)


def test_where_ragas_is_not_installed_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.extras.find_spec", lambda name: None if name == "ragas" else object())
    with pytest.raises(SettingsError, match="A judge needs ragas"):
        untracked()


def test_ragas_is_told_to_send_nothing_home(monkeypatch: pytest.MonkeyPatch) -> None:
    untracked()
    from ragas import _analytics

    sent: list[object] = []
    monkeypatch.setattr(_analytics.requests, "post", lambda *where, **what: sent.append(where))
    monkeypatch.setattr(_analytics, "get_userid", lambda: "nobody")
    event = _analytics.LLMUsageEvent(user_id="nobody", provider="x", llm_type="x")
    try:
        monkeypatch.delenv("RAGAS_DO_NOT_TRACK")
        _analytics.do_not_track.cache_clear()
        _analytics.track(event)
        assert len(sent) == 1  # what it does unless it is told
        untracked()
        _analytics.do_not_track.cache_clear()
        _analytics.track(event)
        assert len(sent) == 1
    finally:
        untracked()
        _analytics.do_not_track.cache_clear()
