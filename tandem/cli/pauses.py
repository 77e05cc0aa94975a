"""What keeps the pauses of a running server short: no answer goes on while the interpreter does something else."""

import gc
import sys

import httpx
from fastapi import FastAPI

_SWITCH_S = 0.001
"""After so long a thread that searches lets the event loop go on, which wants little; Python's own 5 ms add up."""
_YOUNG = 10_000
"""New objects after which the young ones are looked through; an answer leaves few behind."""


async def keep_pauses_short(app: FastAPI) -> None:
    """Call it when all parts are open, before the first request.

    FastAPI makes its routes when the first request comes, which takes a second. What is there now stays until the end, so
    that the garbage collector need not look at it again: half a million objects are half a second.
    """
    local = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
    async with local:
        await local.get("/healthz")
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
