import asyncio
import json
import socket
from contextlib import aclosing
from pathlib import Path

import pytest
from fake_vllm import (
    DONE,
    FakeVllm,
    Play,
    cut_after,
    endless,
    event,
    hang_after,
    line,
    refuse,
    say,
    send,
)

from tandem.engine import ChatDelta, EngineClient, Sampling
from tandem.errors import (
    EngineFailedError,
    EngineUnavailableError,
    InvalidRequestError,
    NotFoundError,
    TandemError,
)
from tandem.settings import EngineSettings

ASK = [{"role": "user", "content": "Who?"}]
BUSY = refuse(503, {"error": {"message": "busy", "code": 503}})


@pytest.fixture
async def client(fake: FakeVllm):
    client = EngineClient(fake.address, EngineSettings(retries=2, token_timeout_s=5))
    yield client
    await client.close()


async def _answer(client: EngineClient, sampling: Sampling | None = None) -> list[ChatDelta]:
    return [delta async for delta in client.chat(ASK, "base", sampling or Sampling())]


async def test_text_comes_in_pieces_with_the_tokens_so_far_and_the_last_has_the_reason(fake, client) -> None:
    assert await _answer(client) == [
        ChatDelta("Hello", None, 7, 1),
        ChatDelta(" there", None, 7, 2),
        ChatDelta("", "stop", 7, 2),
    ]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
async def test_reasoning_that_the_engine_tells_apart_comes_apart(fake, client, name: str) -> None:
    thought = line({"choices": [{"index": 0, "delta": {name: "Hm."}, "finish_reason": None}]})
    fake.plays = [send(event(""), thought, event("Yes."), event(None, "stop"), DONE)]
    assert [(delta.reasoning, delta.text) for delta in await _answer(client)] == [
        ("Hm.", ""),
        ("", "Yes."),
        ("", ""),
    ]


async def test_a_bias_of_logits_is_sent_by_token_and_only_where_there_is_one(fake, client) -> None:
    await _answer(client, Sampling(logit_bias=((57, -1.5), (9, 2.0))))
    await _answer(client)
    assert fake.requests[0]["logit_bias"] == {"57": -1.5, "9": 2.0}
    assert "logit_bias" not in fake.requests[1]


async def test_the_wanted_format_is_sent_as_it_is(fake, client) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    assert [delta async for delta in client.chat(ASK, "base", Sampling(), wanted)]
    await _answer(client)
    assert fake.requests[0]["response_format"] == wanted
    assert "response_format" not in fake.requests[1]


async def test_an_engine_that_knows_no_salt_is_asked_without_one_from_then_on(fake, client) -> None:
    asked = [delta async for delta in client.chat(ASK, "base", Sampling(), cache_salt="s" * 64)]
    assert asked
    assert fake.requests[0]["cache_salt"] == "s" * 64
    unknown = {"error": {"message": "Unrecognized request argument supplied: cache_salt", "code": 400}}
    fake.plays = [refuse(400, unknown), say("Yes.")]
    for _ in range(2):
        assert [delta async for delta in client.chat(ASK, "base", Sampling(), cache_salt="s" * 64)]
    assert ["cache_salt" in sent for sent in fake.requests] == [True, True, False, False]


async def test_another_refusal_is_no_reason_to_leave_the_salt_out(fake, client) -> None:
    fake.plays = [refuse(400, {"error": {"message": "too long", "code": 400}}), say("Yes.")]
    with pytest.raises(InvalidRequestError):
        [delta async for delta in client.chat(ASK, "base", Sampling(), cache_salt="s" * 64)]
    assert [delta async for delta in client.chat(ASK, "base", Sampling(), cache_salt="s" * 64)]
    assert all("cache_salt" in sent for sent in fake.requests)


async def test_the_sampling_is_sent_as_it_is(fake, client) -> None:
    await _answer(client, Sampling(temperature=0.5, top_p=0.9, max_tokens=7, seed=3, stop=("END",)))
    sent = fake.requests[0]
    assert (sent["model"], sent["messages"], sent["stream"]) == ("base", ASK, True)
    assert sent["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["seed"]) == (0.5, 0.9, 7, 3)
    assert sent["stop"] == ["END"]


@pytest.mark.parametrize(
    "fault",
    [
        BUSY,
        refuse(500, {"error": {"message": "oops"}}),
        refuse(429, b"slow down"),
        cut_after(),
        send(event("")),
        send(line({"error": {"message": "engine died", "code": 500}}), DONE),
    ],
    ids=["503", "500", "429", "connection cut", "stream without end", "error event"],
)
async def test_a_try_that_gave_no_text_is_made_again(fake, client, fault: Play) -> None:
    fake.plays = [fault, fault, say("late")]
    assert "".join(delta.text for delta in await _answer(client)) == "late"
    assert len(fake.requests) == 3


async def test_after_the_last_try_the_engine_is_unavailable(fake, client) -> None:
    fake.plays = [refuse(503, {"error": {"message": "busy"}}, retry_after="17")]
    with pytest.raises(EngineUnavailableError, match="busy") as caught:
        await _answer(client)
    assert (caught.value.retry_after, len(fake.requests)) == (17, 3)


@pytest.mark.parametrize(
    "fault",
    [
        cut_after("Hel"),
        send(event("Hel")),
        send(event("Hel"), line({"error": {"message": "engine died", "code": 500}})),
        send(event("Hel"), b"data: {not json\n\n"),
        send(event("Hel"), b"data: \xff\xfe\n\n"),
        send(event("Hel"), line(["a", "list"])),
    ],
    ids=["connection cut", "stream without end", "error event", "no json", "no utf-8", "no chunk"],
)
async def test_nothing_is_tried_again_once_text_was_given(fake, client, fault: Play) -> None:
    fake.plays = [fault, say("never")]
    texts = []
    with pytest.raises(EngineFailedError):
        async for delta in client.chat(ASK, "base", Sampling()):
            texts.append(delta.text)
    assert (texts, len(fake.requests)) == (["Hel"], 1)


@pytest.mark.parametrize(
    "events",
    [
        [b"data: {not json\n\n"],
        [b"data: \xff\n\n"],
        [line([1])],
        [line({"choices": "none"})],
        [line({"choices": [{}]})],
        [line({"choices": [{"index": 0, "delta": {"content": 5}, "finish_reason": None}]})],
        [b'data: "text"\n\n'],
    ],
)
async def test_a_malformed_stream_is_a_failure_and_not_tried_again(fake, client, events) -> None:
    fake.plays = [send(*events)]
    with pytest.raises(EngineFailedError):
        await _answer(client)
    assert len(fake.requests) == 1


async def test_usage_that_is_malformed_or_missing_costs_no_answer(fake, client) -> None:
    fake.plays = [send(event("a", "length"), line({"choices": [], "usage": {"prompt_tokens": "?"}}), DONE)]
    assert (await _answer(client))[-1] == ChatDelta("", "length", None, None)
    fake.plays = [send(event("a", "stop"))]
    assert (await _answer(client))[-1] == ChatDelta("", "stop", None, None)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, InvalidRequestError),
        (422, InvalidRequestError),
        (401, EngineFailedError),
        (404, NotFoundError),
    ],
)
@pytest.mark.parametrize("body", [{"error": {"message": "too long"}}, {"detail": "too long"}, b"too long"])
async def test_a_refusal_is_told_in_the_engines_words_and_not_tried_again(
    fake, client, status: int, expected: type[TandemError], body: object
) -> None:
    fake.plays = [refuse(status, body)]
    with pytest.raises(expected, match="too long"):
        await _answer(client)
    assert len(fake.requests) == 1


async def test_a_refusal_inside_the_stream_is_a_refusal(fake, client) -> None:
    fake.plays = [send(line({"error": {"message": "too long", "code": 400}}), DONE)]
    with pytest.raises(InvalidRequestError, match="too long"):
        await _answer(client)
    assert len(fake.requests) == 1


async def test_an_engine_that_is_not_there_is_unavailable(port: int) -> None:
    client = EngineClient(f"http://127.0.0.1:{port}", EngineSettings(retries=1))
    with pytest.raises(EngineUnavailableError) as caught:
        await _answer(client)
    assert caught.value.retry_after
    assert not await client.healthy()
    await client.close()


async def test_a_wait_for_the_first_token_that_is_too_long_ends_unavailable_without_another_try(fake) -> None:
    client = EngineClient(fake.address, EngineSettings(token_timeout_s=0.2))
    fake.plays = [hang_after()]
    with pytest.raises(EngineUnavailableError):
        await _answer(client)
    assert len(fake.requests) == 1
    await client.close()


async def test_a_wait_for_the_next_token_that_is_too_long_ends_as_a_failure(fake) -> None:
    client = EngineClient(fake.address, EngineSettings(token_timeout_s=0.2))
    fake.plays = [hang_after("Hel")]
    with pytest.raises(EngineFailedError):
        await _answer(client)
    await client.close()


async def test_closing_the_stream_reaches_the_engine(fake, client) -> None:
    fake.plays = [endless]
    async with aclosing(client.chat(ASK, "base", Sampling())) as deltas:
        await anext(deltas)
    assert await asyncio.to_thread(fake.left.wait, 5)


async def test_cancelling_the_reader_reaches_the_engine(fake, client) -> None:
    fake.plays = [endless]
    reader = asyncio.create_task(_answer(client))
    while not fake.requests:  # the fake has no event for it
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await asyncio.to_thread(fake.left.wait, 5)


async def test_adapters_are_loaded_listed_and_unloaded(fake, client, tmp_path: Path) -> None:
    await client.load_adapter("law", tmp_path)
    assert fake.adapters == {"law": str(tmp_path)}
    assert await client.adapters() == {"law": str(tmp_path)}
    with pytest.raises(InvalidRequestError, match="law"):
        await client.load_adapter("law", tmp_path)
    await client.unload_adapter("law")
    assert await client.adapters() == {}
    with pytest.raises(NotFoundError, match="law"):
        await client.unload_adapter("law")


async def test_tokens_are_counted_by_the_engine(fake, client) -> None:
    assert await client.count_tokens("one two three", "base") == 3


async def test_health_is_what_the_engine_says(fake, client) -> None:
    assert await client.healthy()
    fake.healthy = False
    assert not await client.healthy()


async def test_an_engine_that_takes_connections_but_is_silent_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = EngineClient(address, EngineSettings(connect_timeout_s=0.2))
        assert not await client.healthy()
        await client.close()


async def test_the_key_of_the_settings_is_sent_and_none_of_the_environment(monkeypatch, port: int) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    seen: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        body = json.dumps({"object": "list", "data": []}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    async with await asyncio.start_server(note, "127.0.0.1", port):
        for key in (None, "mine"):
            client = EngineClient(f"http://127.0.0.1:{port}", EngineSettings(api_key=key))
            await client.adapters()
            await client.close()
    assert b"secret" not in b"".join(seen)
    assert b"Bearer mine" in seen[1]
