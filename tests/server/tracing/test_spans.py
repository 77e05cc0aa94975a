"""Each answer is a span with its steps at a real OTLP collector; no answer waits for it, and none fails by it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from app_client import ASKED, app_client
from fake_vllm import FakeVllm, Handler, refuse, say
from otlp_collector import Collector, attributes
from prometheus_client import CollectorRegistry

from server.answering.types import Answer, Question
from server.tracing.spans import AnswerSpans
from tandem.redaction import Redactor
from tandem.redaction.redactor import Find
from tandem.settings import TraceSettings
from tandem.vocabulary import Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TOLD = "The gate closes at seven in the evening [1]."
ANSWER = Answer(
    text="At seven.",
    recipe="rag",
    recipe_version="1",
    prompt_version="rag@1",
    trace_id="t1",
    finish_reason="stop",
    abstained=False,
    citations=(),
    passages=(),
    timings={"retrieve": 2.0, "before_engine": 5.0, "generate": 30.0, "first_token": 9.0, "total": 40.0},
    tokens_in=10,
    tokens_out=3,
)
QUESTION = Question(Caller("acme"), "tandem", "Who is Ann?")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector.serving() as server:
        yield server


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(
    fake: FakeVllm, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    settings = TraceSettings(otlp_endpoint=collector.address, otlp_headers={"x-key": "secret"})
    async with app_client(fake, tmp_path_factory.mktemp("data"), traces=settings) as client:
        yield client


@pytest.fixture(autouse=True)
def afresh(fake: FakeVllm, collector: Collector) -> None:
    fake.plays = [say(TOLD)]
    collector.requests.clear()
    collector.refuses, collector.slow_s = None, 0.0


async def ask(http: httpx.AsyncClient, *, stream: bool = False, **headers: str) -> httpx.Response:
    body = {"messages": [{"role": "user", "content": ASKED}], "stream": stream}
    return await http.post("/v1/chat/completions", json=body, headers=headers)


async def spans_at(collector: Collector) -> list[Any]:
    deadline = time.monotonic() + 10
    while not collector.spans() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return collector.spans()


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_is_a_span_of_the_clients_trace_with_its_steps(
    http: httpx.AsyncClient, collector: Collector, fake: FakeVllm, stream: bool
) -> None:
    heard: list[str] = []

    def listening(handler: Handler) -> None:
        heard.append(handler.headers["traceparent"])
        say(TOLD)(handler)

    fake.plays = [listening]
    response = await ask(http, stream=stream, traceparent=f"00-{TRACE_ID}-{PARENT_ID}-01")
    assert response.status_code == 200
    spans = await spans_at(collector)
    assert {span.trace_id.hex() for span in spans} == {TRACE_ID}
    (root,) = [span for span in spans if span.parent_span_id.hex() == PARENT_ID]
    children = {span.name: span for span in spans if span.parent_span_id == root.span_id}
    assert len(children) == len(spans) - 1
    assert root.name == "chat tandem"
    assert heard == [f"00-{TRACE_ID}-{root.span_id.hex()}-01"]
    said = attributes(root)
    assert said["gen_ai.operation.name"] == "chat"
    assert (said["gen_ai.request.model"], said["gen_ai.response.model"].partition("@")[0]) == (
        "tandem",
        "rag",
    )
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (7, 1)
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert {"embed", "retrieve", "assemble", "generate"} <= set(children)
    assert attributes(children["retrieve"])["gen_ai.operation.name"] == "retrieval"
    for child in children.values():
        assert root.start_time_unix_nano - 1_000_000 <= child.start_time_unix_nano
        assert child.start_time_unix_nano <= child.end_time_unix_nano <= root.end_time_unix_nano
    # Nobody's words, unless they are asked for.
    assert ASKED not in str(spans) and "seven" not in str(spans)


async def test_spans_go_to_the_path_of_traces_with_the_headers_that_are_set(
    http: httpx.AsyncClient, collector: Collector
) -> None:
    await ask(http)
    await spans_at(collector)
    path, headers, request = collector.requests[0]
    assert (path, headers["x-key"]) == ("/v1/traces", "secret")
    resource = {one.key: one.value.string_value for one in request.resource_spans[0].resource.attributes}
    assert resource["service.name"] == "tandem"


async def test_a_request_that_is_not_sampled_makes_no_span_and_says_so_to_the_engine(
    http: httpx.AsyncClient, collector: Collector, fake: FakeVllm
) -> None:
    heard: list[str] = []

    def listening(handler: Handler) -> None:
        heard.append(handler.headers["traceparent"])
        say(TOLD)(handler)

    fake.plays = [listening]
    assert (await ask(http, traceparent=f"00-{TRACE_ID}-{PARENT_ID}-00")).status_code == 200
    assert heard[0].startswith(f"00-{TRACE_ID}-") and heard[0].endswith("-00")
    await ask(http)
    assert TRACE_ID not in {span.trace_id.hex() for span in await spans_at(collector)}


async def test_an_answer_that_fails_is_a_span_that_says_why(
    http: httpx.AsyncClient, collector: Collector, fake: FakeVllm
) -> None:
    fake.plays = [refuse(400, {"error": {"message": "no"}})]
    assert (await ask(http)).status_code >= 400
    (span,) = await spans_at(collector)
    assert attributes(span)["error.type"].endswith("_error")
    assert span.status.code == 2


async def test_a_collector_that_refuses_costs_no_answer_and_is_counted(
    http: httpx.AsyncClient, collector: Collector
) -> None:
    collector.refuses = 400
    assert (await ask(http)).status_code == 200
    deadline = time.monotonic() + 10
    while 'tandem_spans_total{outcome="failed"}' not in (await http.get("/metrics")).text:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_without_a_collector_the_context_goes_on_as_it_came(tmp_path: Path, fake: FakeVllm) -> None:
    heard: list[tuple[str | None, str | None]] = []

    def listening(handler: Handler) -> None:
        heard.append((handler.headers["traceparent"], handler.headers["tracestate"]))
        say(TOLD)(handler)

    fake.plays = [listening]
    parent = f"00-{TRACE_ID}-{PARENT_ID}-01"
    async with app_client(fake, tmp_path) as http:
        await ask(http, traceparent=parent, tracestate="a=b")
        await ask(http)
    assert heard == [(parent, "a=b"), (None, None)]


def opened(collector: Collector, registry: CollectorRegistry, **settings: Any) -> AnswerSpans:
    redactor = Redactor([lambda text: iter([Find(7, 10, "name", 0.4)] if "Ann" in text else [])])
    return AnswerSpans(TraceSettings(**settings), collector.address, redactor, registry)


async def events() -> AsyncIterator[Answer]:
    yield ANSWER


async def ended(spans: AnswerSpans) -> None:
    """One answer, as the server makes its span."""
    async for _ in spans.begin(QUESTION, {}).watched(events()):  # type: ignore[arg-type]
        pass


async def test_content_is_sent_where_it_is_wanted_without_personal_data(collector: Collector) -> None:
    spans = opened(collector, CollectorRegistry(), otlp_content=True)
    await ended(spans)
    await asyncio.to_thread(spans.close)
    (root,) = [span for span in collector.spans() if not span.parent_span_id]
    said = attributes(root)
    assert json.loads(said["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "Who is [NAME]?"}]}
    ]
    (told,) = json.loads(said["gen_ai.output.messages"])
    assert (told["role"], told["finish_reason"], told["parts"][0]["content"]) == (
        *("assistant", "stop"),
        "At seven.",
    )


async def test_the_share_that_is_set_is_sent(collector: Collector) -> None:
    spans = opened(collector, CollectorRegistry(), otlp_sample=0)
    await ended(spans)
    await asyncio.to_thread(spans.close)
    assert collector.requests == []


async def test_what_a_slow_collector_has_no_room_for_is_dropped_and_counted(collector: Collector) -> None:
    collector.slow_s = 0.5
    registry = CollectorRegistry()
    spans = opened(collector, registry, otlp_queue=6)
    answers, of_each = 60, 3
    for _ in range(answers):
        await ended(spans)
    await asyncio.to_thread(spans.close)

    def counted(outcome: str) -> float:
        return registry.get_sample_value("tandem_spans_total", {"outcome": outcome}) or 0.0

    assert counted("dropped") > 0
    assert counted("sent") == len(collector.spans())
    # Every answer whose span was made has a span for each step; one that was not made is counted once.
    assert answers <= counted("sent") + counted("dropped") <= answers * of_each


async def test_a_reader_who_leaves_ends_the_span(collector: Collector) -> None:
    spans = opened(collector, CollectorRegistry())

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "text"

    watched = spans.begin(QUESTION, {}).watched(endless())  # type: ignore[arg-type]
    assert await anext(watched) == "text"
    await watched.aclose()
    await asyncio.to_thread(spans.close)
    (span,) = collector.spans()
    assert attributes(span)["error.type"] == "cancelled"
