"""What is wrong with one question becomes its failure; what is wrong with the server ends the run."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from eval.case import Turn
from eval.running import Asking
from eval.running.asking import ask, body_of
from tandem.errors import ConflictError, UnavailableError

ASKING = Asking(
    arm="rag", recipe="rag@abcdef123456", recipe_version="abcdef123456", case="q1", question="When?"
)
PASSAGE = {
    "id": "c1", "text": "It opens at dawn.", "score": 0.5, "document_id": "d1", "uri": "lock.md", "start": 0,
    "end": 17, "in_prompt": True,
}  # fmt: skip
CITED = {"n": 1, "document_id": "d1", "uri": "lock.md", "start": 12, "end": 16, "quote": "dawn"}
TOLD = {
    "recipe_version": "abcdef123456", "abstained": False, "evidence": 0.9, "citations": [CITED],
    "passages": [PASSAGE, PASSAGE | {"id": "c2", "in_prompt": False}], "timings": {"first_token": 250.0},
    "trace_id": "t1",
}  # fmt: skip


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def answer(**tandem: object) -> bytes:
    pieces = [
        event(choices=[{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]),
        event(choices=[{"delta": {"content": "At "}, "finish_reason": None}]),
        event(choices=[{"delta": {"content": "dawn [1]."}, "finish_reason": None}]),
        event(choices=[{"delta": {}, "finish_reason": "stop"}]),
        event(choices=[], usage={"prompt_tokens": 40, "completion_tokens": 5}, tandem=TOLD | tandem),
    ]
    return b"".join(pieces) + b"data: [DONE]\n\n"


def fake_server(*replies: httpx.Response | Exception) -> httpx.AsyncClient:
    """Gives these one after the other, the last again and again; a server has no such faults at will."""
    left: Iterator[httpx.Response | Exception] = iter(replies)
    last: list[httpx.Response | Exception] = []

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["cache-control"] == "no-store"
        last[:] = [next(left, *last)]
        if isinstance(last[0], Exception):
            raise last[0]
        return httpx.Response(last[0].status_code, content=last[0].content, headers=last[0].headers)

    return httpx.AsyncClient(transport=httpx.MockTransport(handle), base_url="http://tandem")


def refusal(status: int, kind: str, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"type": kind, "message": "no"}}, headers=headers)


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited for, and not slept."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("finetune.validation.over_http.asyncio.sleep", sleep)
    return pauses


async def test_a_stream_becomes_a_reply_with_all_that_a_suite_may_measure() -> None:
    reply = await ask(ASKING, fake_server(httpx.Response(200, content=answer())))
    assert (reply.text, reply.finish_reason, reply.failure) == ("At dawn [1].", "stop", None)
    assert (reply.tokens_in, reply.tokens_out, reply.evidence, reply.trace_id) == (40, 5, 0.9, "t1")
    assert [one.in_prompt for one in reply.passages] == [True, False]
    assert reply.citations[0].passage == PASSAGE["text"]
    assert reply.first_token_s is not None
    assert 0 <= reply.first_token_s <= reply.seconds
    assert reply.begun_at > 1_700_000_000
    buffered = await ask(ASKING, fake_server(httpx.Response(200, content=answer())), buffered=True)
    assert buffered.first_token_s == 0.25
    assert (
        await ask(ASKING, fake_server(httpx.Response(200, content=answer(timings={}))), buffered=True)
    ).first_token_s is None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(413, "too_large_error"), "too_large_error"),
        (refusal(404, "not_found_error"), "not_found_error"),
        (httpx.Response(200, content=answer()[:200]), "engine_failed_error"),
        (
            httpx.Response(
                200, content=event(choices=[]) + event(error={"type": "engine_failed_error", "message": "x"})
            ),
            "engine_failed_error",
        ),
        (httpx.ReadTimeout("slow"), "timeout"),
    ],
)
async def test_what_one_question_fails_by_is_kept_as_its_failure(
    reply: httpx.Response | Exception, kind: str
) -> None:
    found = await ask(ASKING, fake_server(reply))
    assert found.failure is not None
    assert found.failure.type == kind
    assert (found.case, found.text, found.recipe_version) == ("q1", "", "abcdef123456")


@pytest.mark.parametrize(
    "gone", [lambda: httpx.ConnectError("refused"), lambda: refusal(503, "engine_unavailable_error")]
)
async def test_a_server_that_is_gone_is_no_failure_of_a_question(
    gone: Callable[[], httpx.Response | Exception], waited: list[float]
) -> None:
    with pytest.raises(UnavailableError):
        await ask(ASKING, fake_server(gone()))
    assert len(waited) == 3


async def test_a_server_that_is_not_ready_is_waited_for_as_long_as_it_says(waited: list[float]) -> None:
    busy = refusal(503, "unavailable_error", **{"Retry-After": "7"})
    reply = await ask(ASKING, fake_server(busy, busy, httpx.Response(200, content=answer())))
    assert reply.text == "At dawn [1]."
    assert waited == [7, 7]


async def test_an_answer_of_another_version_of_the_recipe_ends_the_run() -> None:
    with pytest.raises(ConflictError, match="version other"):
        await ask(ASKING, fake_server(httpx.Response(200, content=answer(recipe_version="other"))))


def test_the_request_says_what_the_asking_says_and_no_more() -> None:
    assert body_of(ASKING)["tandem"] == {"passages": True, "degrade": False, "keep": False}
    assert "seed" not in body_of(ASKING)
    whole = ASKING.model_copy(
        update={
            "history": (Turn(role="user", content="Hello"), Turn(role="assistant", content="Hi")),
            "instructions": "Be brief.", "corpora": ("docs",), "without": ("a.md",), "max_tokens": 9, "seed": 4,
        }
    )  # fmt: skip
    body = body_of(whole)
    assert [one["role"] for one in body["messages"]] == ["system", "user", "assistant", "user"]
    assert (body["model"], body["max_tokens"], body["seed"]) == ("tandem:rag@abcdef123456", 9, 4)
    assert body["tandem"] == {
        "passages": True,
        "degrade": False,
        "keep": False,
        "corpora": ["docs"],
        "without": ["a.md"],
    }
