"""A scripted engine as a program: it answers with the name of the adapter that it was asked for, and of its folder.

    python tests/scripted_replica.py PORT

It stands in for vLLM where processes are killed and started many times: a real one needs a minute to start. It has,
like vLLM, only what was loaded into this process, and a 404 for the rest.
"""

import sys
import time
from pathlib import Path

from fake_vllm import DONE, FakeVllm, Handler, event, line, usage

TOKENS = 12
_PACE_S = 0.02


def name_yourself(handler: Handler) -> None:
    """The adapter's folder, as NAME@NUMBER, again and again; `base` where it has none."""
    folder = handler.server.adapters.get(handler.asked["model"])
    word = f"{Path(folder).parent.name}@{Path(folder).name}" if folder else "base"
    handler.stream(event(""), end=False)
    handler.close_connection = False
    for written in range(1, TOKENS + 1):
        time.sleep(_PACE_S)
        handler.chunk(event(f"{word} ", written=written))
    handler.chunk(event(None, "stop"))
    handler.chunk(line({"choices": []} | usage(TOKENS)))
    handler.chunk(DONE)
    handler.wfile.write(b"0\r\n\r\n")


if __name__ == "__main__":
    server = FakeVllm(int(sys.argv[1]))
    server.plays = [name_yourself]
    server.serve_forever()
