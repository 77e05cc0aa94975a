"""The server's memory under load that does not end: what it grows by once its caches are full.

    python -m bench.soak [--minutes 6] [--warm-up-minutes 5]

The server, the engine that is a script, and the clients are those of `bench.load`; 10 questions come a second, each
another. *Own* memory is what is no page of a file: pages of libraries and of the index come and go as the kernel likes,
and are no leak. While the server warms up, bounded things fill: threads, connections to the store and the embedder's
shapes are made when they are first wanted, texts are remembered. Bursts at the beginning make most of it at once.

The slope is the median of those between any two samples after that (Theil and Sen), so that a moment in which a look
for drift takes its memory and gives it back counts for nothing. No latency is measured: it may run beside other work,
as long as all questions are answered.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.stats import theilslopes

from bench.load import ENGINE, Memory, Tandem, is_whole
from bench.machine import machine
from bench.served import prepared_model

_RESULT = Path(__file__).parent / "results" / "soak.json"
_PER_S = 10
_BURST, _BURSTS = 200, 3
_EVERY = 8
"""Of the samples, one in so many is looked at: one in 4 s."""
_LIMITS = {"own_mib_per_minute": 1}


def main() -> None:
    """Ask, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=int, default=6)
    parser.add_argument("--warm-up-minutes", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Tandem(folder, prepared_model(folder), {}) as tandem:
            soaked = _soaked(tandem, 60 * given.warm_up_minutes, 60 * given.minutes)
    report = {
        "command": " ".join(["python -m bench.soak", *sys.argv[1:]]),
        "machine": machine(),
        "engine": ENGINE,
        "limits": _LIMITS,
        "questions_per_s": _PER_S,
        "warm_up_minutes": given.warm_up_minutes,
        "minutes": given.minutes,
        **soaked,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def slope(samples: Sequence[Memory]) -> float:
    """MiB of own memory a minute."""
    some = samples[::_EVERY]
    found = theilslopes([one.own for one in some], [one.moment / 60 for one in some])
    return float(found.slope)


def _soaked(tandem: Tandem, warm_up_s: int, seconds: int) -> dict[str, Any]:
    for _ in range(_BURSTS):
        tandem.ask(tandem.evenly(_BURST, 0.001))
    with tandem.memory() as warming:
        tandem.ask(tandem.evenly(_PER_S * warm_up_s, warm_up_s))
    threads, descriptors = tandem.threads(), tandem.descriptors()
    with tandem.memory() as soaking:
        seen = tandem.ask(tandem.evenly(_PER_S * seconds, seconds))
    return {
        "questions": len(seen),
        "whole": sum(map(is_whole, seen)),
        "faults": [one["error"] for one in seen if one["error"]][:3],
        "own_mib": {
            "after_bursts": round(warming[0].own),
            "warm": round(soaking[0].own),
            "most": round(max(one.own for one in soaking)),
            "at_the_end": round(soaking[-1].own),
        },
        "own_mib_per_minute": {"warming_up": round(slope(warming), 2), "warm": round(slope(soaking), 2)},
        "of_files_mib": {
            "after_bursts": round(warming[0].resident - warming[0].own),
            "at_the_end": round(soaking[-1].resident - soaking[-1].own),
        },
        "threads": {"warm": threads, "at_the_end": tandem.threads()},
        "descriptors": {"warm": descriptors, "at_the_end": tandem.descriptors()},
    }


if __name__ == "__main__":
    main()
