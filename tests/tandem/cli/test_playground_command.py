"""`tandem playground` against a server that listens; its engine is a fake."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from app_client import ASKED, FACT, app_client
from fake_vllm import FakeVllm, say

from eval.case import EvalCase, Turn
from eval.sets import EvalSets
from tandem.cli import app
from tandem.cli.opened import opened_store
from tandem.cli.output import stdout
from tandem.cli.playground import variants_of
from tandem.errors import InvalidRequestError, NotFoundError
from tandem.settings import Settings

Run = Callable[..., Awaitable[str]]


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        server.plays = [say("The gate of the Quorvex depot ", "closes at seven in the evening.")]
        yield server


@pytest.fixture
async def run(
    fake: FakeVllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[Run]:
    """Runs the command in a thread beside the server; gives what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(stdout, "_width", 160)  # COLUMNS counts only where the console was not made before
    async with app_client(fake, tmp_path / "data") as client:
        server = uvicorn.Server(uvicorn.Config(client.app, port=0, lifespan="off", log_level="error"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        note = {"url": f"http://127.0.0.1:{port}", "pid": 0}
        (tmp_path / "data" / "server.json").write_text(json.dumps(note))

        async def command(*arguments: object) -> str:
            capsys.readouterr()
            given = ["playground", *(str(one) for one in arguments)]
            await asyncio.to_thread(app, given, standalone_mode=False)
            return capsys.readouterr().out

        yield command
        server.should_exit = True
        await serving


async def test_recipes_stand_side_by_side_in_a_table(run: Run) -> None:
    table = await run(ASKED, "--recipes", "rag,base,nosuch")
    assert "The gate of the Quorvex depot" in table
    for words in ("rag", "base", "7 > 2", "1 cited", "nosuch", "There is no recipe"):
        assert words in table


async def test_every_combination_is_run_and_told_as_json(run: Run, fake: FakeVllm) -> None:
    told = json.loads(await run(ASKED, "--recipes", "base,prompted", "--temperature", "0,0.75", "--json"))
    done = [event for event in told if event["event"] == "done"]
    assert [event["answer"] for event in done] == [FACT] * 4
    assert sorted(request["temperature"] for request in fake.requests) == [0, 0, 0.75, 0.75]


async def test_cases_are_read_from_a_file_and_counted(run: Run) -> None:
    lines = [{"question": "One?", "reference": "x"}, {"question": "Two?"}]
    Path("cases.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert "2 done, 0 abstained" in await run("--cases", "cases.jsonl", "--recipes", "base")
    Path("cases.jsonl").write_text('{"query": 1}')
    with pytest.raises(InvalidRequestError, match="line 1"):
        await run("--cases", "cases.jsonl", "--recipes", "base")
    with pytest.raises(InvalidRequestError):
        await run("--recipes", "base")


async def test_an_eval_set_is_asked_with_its_follow_ups(run: Run, fake: FakeVllm, tmp_path: Path) -> None:
    turn = {"role": "user", "content": "What is the Quorvex depot?"}
    cases = [
        EvalCase(id="1", question=ASKED),
        EvalCase(id="2", question="And the door?", history=(Turn(**turn),)),
    ]
    with opened_store(Settings(data_dir=tmp_path / "data")) as store:
        EvalSets(store).save("mine", cases)
    assert "2 done, 0 abstained" in await run("--set", "mine@1", "--recipes", "base")
    assert sorted(len(request["messages"]) for request in fake.requests) == [1, 2]
    with pytest.raises(NotFoundError, match="nosuch"):
        await run("--set", "nosuch")
    with pytest.raises(InvalidRequestError, match="Give a question"):
        await run(ASKED, "--set", "mine")


async def test_the_winner_is_saved_with_its_text(run: Run, fake: FakeVllm) -> None:
    text = '{% call message("user") %}Say it in verse: {{ question }}{% endcall %}'
    Path("mine.jinja").write_text(text)
    named = ("--recipes", "base", "--prompt-file", "mine.jinja", "--temperature", "0.75")
    assert "The gate" in await run(ASKED, *named, "--save", "verse", "--note", "Won")
    await run(ASKED, "--recipes", "verse")
    assert fake.requests[0] == fake.requests[1]
    assert fake.requests[1]["temperature"] == 0.75
    assert (await run(*named, "--save", "verse")).startswith("unchanged  verse@1  ")
    assert len(fake.requests) == 2  # without a question nothing is asked
    with pytest.raises(InvalidRequestError, match="2 combinations"):
        await run("--recipes", "base,rag", "--save", "verse")


def test_a_label_says_what_is_special_of_a_variant() -> None:
    variants = variants_of(["", "rag"], ["mine@2"], "text", {"temperature": [0.0, 0.5], "passages": [3]})
    assert len(variants) == 8
    assert variants[0] == {
        "label": "champion, mine@2, temperature 0.0",
        "changes": {"temperature": 0.0, "retrieval": {"passages": 3}, "prompt": "mine@2"},
    }
    assert variants[-1]["label"] == "rag, draft, temperature 0.5"
    assert (variants[-1]["text"], variants[-1]["recipe"]) == ("text", "rag")
