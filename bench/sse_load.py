"""A load generator for streamed chats, a process of its own: when each is asked, and what came of it.

Reads a plan from standard input, writes what it saw to standard output, both JSON. It reads from the sockets
itself: an HTTP client would take more of the machine than the server that is measured.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

_LONGEST_S = 120


class Chat(TypedDict):
    """One to be asked: when, in seconds from the start; what; and by whom, as the key that it carries."""

    at: float
    case: int
    question: str
    key: str


class Seen(TypedDict):
    """What came of one. Moments are of the machine's monotonic clock, in nanoseconds; 0 for what never came."""

    case: int
    key: str
    status: int
    retry_after: str
    sent: int
    answered: int
    """When the status came."""
    shown: int
    """When the first text came."""
    ended: int
    ends: int
    """Events that end the answer: one finish, or one error."""
    done: int
    """`[DONE]` lines."""
    degraded: bool
    """Whether passages stood in for the answer."""
    timings: dict[str, float]
    """Of the answer's steps, in milliseconds, as the server tells them."""
    error: str


async def run(port: int, chats: Sequence[Chat], keys: Mapping[str, str]) -> list[Seen]:
    """Ask them all, each at its moment, whatever became of those before; `keys` has the text of each key."""
    begun = time.monotonic() + 0.1

    async def one(chat: Chat) -> Seen:
        await asyncio.sleep(begun + chat["at"] - time.monotonic())
        seen = Seen(
            case=chat["case"], key=chat["key"], status=0, retry_after="", sent=0, answered=0, shown=0, ended=0,
            ends=0, done=0, degraded=False, timings={}, error="",
        )  # fmt: skip
        try:
            async with asyncio.timeout(_LONGEST_S):
                await _ask(port, chat, keys[chat["key"]], seen)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            seen["error"] = f"{type(error).__name__}: {error}"
        seen["ended"] = time.monotonic_ns()
        return seen

    return list(await asyncio.gather(*map(one, chats)))


async def _ask(port: int, chat: Chat, key: str, seen: Seen) -> None:
    body = json.dumps({"stream": True, "messages": [{"role": "user", "content": chat["question"]}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    seen["sent"] = time.monotonic_ns()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        seen["answered"] = time.monotonic_ns()
        seen["status"] = int(answer.split(b" ", 2)[1])
        for line in answer.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"retry-after":
                seen["retry_after"] = value.strip().decode()
        while line := await reader.readline():
            if line.startswith(b"data: "):
                _note(line.removeprefix(b"data: ").strip(), seen)
    finally:
        writer.close()


def _note(data: bytes, seen: Seen) -> None:
    if data == b"[DONE]":
        seen["done"] += 1
        return
    event: dict[str, Any] = json.loads(data)
    seen["timings"] = event.get("tandem", {}).get("timings", seen["timings"])
    seen["degraded"] |= bool(event.get("tandem", {}).get("degraded"))
    choice = (event.get("choices") or [{}])[0]
    if not seen["shown"] and choice.get("delta", {}).get("content"):
        seen["shown"] = time.monotonic_ns()
    seen["ends"] += bool(choice.get("finish_reason")) + ("error" in event)


if __name__ == "__main__":
    import uvloop

    plan = json.load(sys.stdin)
    json.dump(uvloop.run(run(plan["port"], plan["chats"], plan["keys"])), sys.stdout)
