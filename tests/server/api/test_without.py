"""What would be answered without a document, and the passages that were found, when a chat asks for them."""

import json
from pathlib import Path

import pytest
from app_client import ASKED, FACT, app_client
from fake_vllm import FakeVllm, say

from tandem.errors import NotFoundError
from tandem.vocabulary import Caller

OTHER = "The gate of the Quorvex depot is painted green every spring."


def body(**tandem: object) -> dict[str, object]:
    return {"model": "tandem:rag", "messages": [{"role": "user", "content": ASKED}], "tandem": tandem}


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_does_without_what_is_left_out_and_leaves_no_trace(
    tmp_path: Path, stream: bool
) -> None:
    with FakeVllm.serving() as fake:
        fake.plays = [say(FACT)]
        async with app_client(fake, tmp_path) as client:
            file = {"file": ("paint.md", f"# Paint\n\n{OTHER}\n".encode())}
            assert (await client.post("/api/corpora/rules/documents", files=file)).is_success

            async def asked(**tandem: object) -> dict:
                reply = await client.post("/v1/chat/completions", json=body(**tandem) | {"stream": stream})
                assert reply.status_code == 200, reply.text
                if not stream:
                    return reply.json()["tandem"]
                events = [line.removeprefix("data: ") for line in reply.text.splitlines() if line]
                return json.loads(events[-2])["tandem"]

            whole = await asked(passages=True)
            assert {one["uri"] for one in whole["passages"]} == {"gate.md", "paint.md"}
            assert whole["citations"][0]["uri"] == "gate.md"
            assert (await asked())["passages"] is None

            gate = whole["citations"][0]["document_id"]
            for name in ("gate.md", gate):
                told = await asked(passages=True, without=[name])
                assert {one["uri"] for one in told["passages"]} <= {"paint.md"}
                assert told["abstained"]
                with pytest.raises(NotFoundError):
                    client.services.store.trace(Caller(), told["trace_id"])
            assert (await asked())["citations"][0]["uri"] == "gate.md"
            assert client.services.store.trace(Caller(), whole["trace_id"]).question == ASKED


async def test_a_document_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path) as client:
            for stream in (False, True):
                reply = await client.post(
                    "/v1/chat/completions", json=body(without=["lost.md"]) | {"stream": stream}
                )
                assert reply.status_code == 404
                assert "lost.md" in reply.json()["error"]["message"]
            too_many = await client.post("/v1/chat/completions", json=body(without=["a"] * 101))
            assert too_many.status_code == 400
            assert fake.requests == []


async def test_each_passage_of_an_answer_says_whether_the_model_saw_it(tmp_path: Path) -> None:
    with FakeVllm.serving() as fake:
        fake.plays = [say(FACT)]
        async with app_client(fake, tmp_path, context_tokens=600) as client:
            for number in range(6):
                text = f"# Gate {number}\n\n" + f"The Quorvex gate {number} closes late. " * 14
                file = {"file": (f"gate-{number}.md", text.encode())}
                assert (await client.post("/api/corpora/rules/documents", files=file)).is_success
            asked = body(passages=True) | {"max_tokens": 64}
            reply = (await client.post("/v1/chat/completions", json=asked)).json()
            shown = json.dumps(fake.requests[-1]["messages"])
            passages = reply["tandem"]["passages"]
            seen = [one["in_prompt"] for one in passages]
            assert True in seen
            assert False in seen
            assert seen == [json.dumps(one["text"])[1:-1] in shown for one in passages]

            found = await client.post("/api/retrieve", json={"query": ASKED, "model": "tandem:rag"})
            assert {one["in_prompt"] for one in found.json()["passages"]} == {None}
            none = (
                await client.post("/v1/chat/completions", json=body(passages=True, without=["gate.md"]))
            ).json()
            assert none["tandem"]["abstained"] or any(one["in_prompt"] for one in none["tandem"]["passages"])
