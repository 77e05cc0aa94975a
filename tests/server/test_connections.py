"""Connections with deadlines, over real sockets: a small application behind uvicorn."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from server.connections import protocol_of
from tandem.settings import LimitSettings

LIMITS = LimitSettings(slow_reader_s=0.3, slow_sender_s=0.3)


@dataclass
class Seen:
    port: int = 0
    cut: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def serving() -> AsyncIterator[Seen]:
    seen = Seen()

    async def flood(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                for _ in range(10_000):
                    yield b"x" * 65_536
                    await asyncio.sleep(0)
            finally:
                seen.ended.set()

        return StreamingResponse(pieces())

    async def drip(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(8):
                yield b"x"
                await asyncio.sleep(0.1)

        return StreamingResponse(pieces())

    async def echo(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    app = Starlette(
        routes=[Route("/flood", flood), Route("/drip", drip), Route("/echo", echo, methods=["POST"])]
    )
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", http=protocol_of(LIMITS, seen.cut.append)
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    seen.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.should_exit = True
        await running


async def asked(port: int, text: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    return reader, writer


async def test_a_stream_that_nobody_reads_is_cut_and_its_work_ends() -> None:
    async with serving() as seen:
        with socket.create_connection(("127.0.0.1", seen.port)) as client:
            client.sendall(b"GET /flood HTTP/1.1\r\nhost: x\r\n\r\n")
            async with asyncio.timeout(5):
                await seen.ended.wait()
        assert seen.cut == ["slow_reader"]


async def test_a_stream_that_is_read_goes_on_longer_than_the_deadline() -> None:
    async with serving() as seen:
        reader, writer = await asked(seen.port, "GET /drip HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await reader.read()).count(b"x") == 8
        writer.close()
        assert seen.cut == []


async def test_half_a_request_is_cut_wherever_it_stops() -> None:
    beginnings = [
        "",
        "POST /echo HT",
        "POST /echo HTTP/1.1\r\nhost: x\r\n",
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345",
    ]
    async with serving() as seen:
        opened = [await asked(seen.port, beginning) for beginning in beginnings]
        async with asyncio.timeout(5):
            for reader, writer in opened:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
                writer.close()
        assert seen.cut == ["slow_sender"] * 4


async def test_a_byte_now_and_then_does_not_keep_a_request_alive() -> None:
    async with serving() as seen:
        _, writer = await asked(seen.port, "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n")
        async with asyncio.timeout(5):
            while not seen.cut:
                writer.write(b"x")
                await asyncio.sleep(0.05)
        writer.close()
        assert seen.cut == ["slow_sender"]


async def test_a_large_body_may_take_its_time() -> None:
    async with serving() as seen:
        head = "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 6144\r\n\r\n"
        reader, writer = await asked(seen.port, head)
        for _ in range(6):
            writer.write(b"x" * 1_024)
            await asyncio.sleep(0.12)
        assert (await reader.read()).endswith(b"6144")
        writer.close()
        assert seen.cut == []


async def test_a_connection_serves_one_request_after_another() -> None:
    async with serving() as seen:
        reader, writer = await asyncio.open_connection("127.0.0.1", seen.port)
        for _ in range(3):
            writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(1) == b"3"
            await asyncio.sleep(0.25)
        writer.close()
        assert seen.cut == []
