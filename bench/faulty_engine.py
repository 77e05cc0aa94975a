"""A scripted engine in a process of its own: it speaks vLLM's chat over a socket, and fails as it is told.

    python -m bench.faulty_engine PORT

`POST /fault` takes the name of a mode and its options, `GET /asked` tells of each chat when it came and when its
client left (monotonic seconds, which all processes of a machine share). It writes what the documents say, but for
WRONG, which no answer may ever hold.
"""

import asyncio
import json
import re
import sys
import time
from contextlib import suppress
from typing import Any

TRUE = "The gate of the Quorvex depot closes at seven in the evening."
WRONG = "Zanzibarian invention"
FAT = 5_000
"""Where so many tokens are wanted, each is some 50 KB: more than the sockets between here and a client take."""

_FOR_EVER_S = 3_600
_NOISE = {
    "garbage": b"data: {]" + WRONG.encode() + b"\xff\xfe\n\n:\x00\n\ndata: 17\n\n",
    "long_line": b'data: {"choices": [{"delta": {"content": "' + WRONG.encode() * 150_000 + b'"',
}
_REF = re.compile(r"ref-(\d+)")
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Engine:
    """What it does with the next chats, and what it has seen of the last."""

    def __init__(self) -> None:
        self.fault: dict[str, Any] = {"mode": "ok"}
        self.asked: list[dict[str, Any]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"content-length: (\d+)", head, re.I)
                body = await reader.readexactly(int(length.group(1))) if length else b""
                if not await self._answer(head.split(" ", 2)[1], body, reader, writer):
                    break
        writer.transport.abort()

    async def _answer(
        self, path: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection serves on."""
        if path == "/fault":
            self.fault = json.loads(body)
            return await whole(writer, 200, {})
        if path == "/asked":
            return await whole(writer, 200, self.asked)
        if path == "/health":
            return await whole(writer, 503 if self.fault.get("sick") else 200, {})
        if path == "/v1/models":
            card = {"id": "base", "object": "model", "created": 0, "owned_by": "scripted", "parent": None}
            return await whole(writer, 200, {"object": "list", "data": [card]})
        return await self._chat(json.loads(body), reader, writer)

    async def _chat(
        self, asked: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        found = _REF.search(asked["messages"][-1]["content"])
        record = {"ref": int(found.group(1)) if found else None, "came": time.monotonic(), "left": None}
        self.asked.append(record)
        playing = asyncio.create_task(play(self.fault, asked, writer))
        leaving = asyncio.create_task(reader.read(1))
        await asyncio.wait((playing, leaving), return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            record["left"] = time.monotonic()
            playing.cancel()
        else:
            record["ended"] = time.monotonic()
        leaving.cancel()
        await asyncio.wait((playing, leaving))
        if playing.cancelled() or playing.exception():
            return False
        return playing.result()


async def play(fault: dict[str, Any], asked: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
    """One chat, as the mode wants it; whether the connection serves on."""
    mode = fault["mode"]
    if mode == "reset":
        return False
    if mode == "hang_headers":
        await asyncio.sleep(_FOR_EVER_S)
    if mode == "status":
        return await whole(writer, fault.get("status", 500), {"error": {"message": WRONG, "code": 500}})
    if mode == "error_body":
        return await whole(writer, 200, {"error": {"message": WRONG, "code": 500}, "choices": []})
    await asyncio.sleep(fault.get("silent_s", 0))
    writer.write(_STREAM)
    if mode in _NOISE:
        await chunk(writer, _NOISE[mode])
        return await end(writer)
    await chunk(writer, event("", asked["model"]))
    if mode == "hang_stream":
        await asyncio.sleep(_FOR_EVER_S)
    if mode == "wrong_model":
        return await speak({"text": WRONG}, asked | {"model": "somebody-elses@3"}, writer)
    return await speak(fault, asked, writer)


async def speak(fault: dict[str, Any], asked: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
    """The tokens of a text, up to where it breaks off or hangs."""
    mode, model, wanted = fault.get("mode"), asked["model"], asked["max_tokens"]
    tokens = (re.findall(r"\S+\s*", fault.get("text", TRUE)) * fault.get("times", 1))[:wanted]
    if wanted >= FAT:
        tokens = [token * 4_096 for token in tokens]
    for n, token in enumerate(tokens):
        if n == fault.get("after"):
            await asyncio.sleep(_FOR_EVER_S if mode == "hang_after" else 0)
            return False
        await asyncio.sleep(fault.get("pace_s", 0))
        await chunk(writer, event(token, model))
    await chunk(writer, event(None, model, "stop"))
    await chunk(writer, b"data: [DONE]\n\n")
    return await end(writer)


def event(text: str | None, model: str, reason: str | None = None) -> bytes:
    """A chunk of a chat."""
    delta = {} if text is None else {"role": "assistant", "content": text}
    head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": model}
    choices = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    return b"data: " + json.dumps(head | choices).encode() + b"\n\n"


async def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    """One chunk of HTTP, once there is room for it."""
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


async def end(writer: asyncio.StreamWriter) -> bool:
    """The last chunk."""
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


async def whole(writer: asyncio.StreamWriter, status: int, body: object) -> bool:
    """A response that is no stream."""
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
    return True


async def main(port: int) -> None:
    """Serve until killed."""
    engine = Engine()
    async with await asyncio.start_server(
        engine.serve, "127.0.0.1", port, limit=2**20, backlog=1_000
    ) as server:
        print("the scripted engine serves", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
