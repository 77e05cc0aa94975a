"""kill -9 of the real vLLM in the middle of a stream: what its client, and the next, get; and that it comes back."""

import json
import time

import psutil
from running import Tandem, lives

QUESTION = {"role": "user", "content": "What does Tandem say when the documents do not say it?"}
STORY = {"role": "user", "content": "Tell a long story about a lighthouse."}


def vllm_of(tandem: Tandem) -> psutil.Process:
    """The engine's server itself, which calls itself as it likes: what the guard has started."""
    family = filter(lives, psutil.Process(tandem.process.pid).children(recursive=True))
    (guard,) = (process for process in family if any("guard.py" in word for word in process.cmdline()))
    (vllm,) = guard.children()
    return vllm


def test_a_killed_engine_ends_the_stream_typed_then_passages_stand_in_then_answers_are_whole(
    tandem: Tandem,
) -> None:
    lines: list[str] = []
    body = {"model": "tandem:base", "messages": [STORY], "max_tokens": 3_000, "stream": True}
    with tandem.client() as http:
        with http.stream("POST", "/v1/chat/completions", json=body) as response:
            for line in response.iter_lines():
                lines += [line.removeprefix("data: ")] if line else []
                if len(lines) == 5:
                    vllm_of(tandem).kill()
        assert json.loads(lines[-1])["error"]["type"] == "engine_failed_error"

        begun = time.monotonic()
        asked = {"messages": [QUESTION]}
        passages = http.post("/v1/chat/completions", json=asked, headers={"Cache-Control": "no-cache"}).json()
        assert time.monotonic() - begun < 10
        assert passages["tandem"]["degraded"] is True
        assert passages["tandem"]["degraded_reason"] in ("restarting", "down")
        assert passages["tandem"]["citations"]
        noticed_by = time.monotonic() + 30  # the guard ends first what vLLM has left behind
        while http.get("/readyz").status_code != 503:
            assert time.monotonic() < noticed_by
            time.sleep(0.1)
        assert http.get("/readyz", params={"degraded": True}).status_code == 200

        tandem.wait_ready()
        deadline = time.monotonic() + 15
        while True:
            fresh = {"Cache-Control": "no-cache"}
            whole = http.post("/v1/chat/completions", json=asked, headers=fresh).json()
            if not whole["tandem"]["degraded"]:
                break
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert whole["tandem"]["citations"]
