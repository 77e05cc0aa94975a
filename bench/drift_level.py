"""Whether one look alarms no oftener than its level where nothing has changed.

    python -m bench.drift_level [--data ../shared/data] [--looks 6000] [--kept FILE]

As in `bench.drift`, but each look has a reference of its own, so that looks do not depend on each other and the share
that alarms can be compared with the level: each test by itself, and all series together after Holm's correction.
The lowest level is that of a look with the default settings. `expected` is within two standard deviations of the level.
"""

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bench.domains import asked_all
from bench.drift import joined, part
from bench.machine import machine
from server.drift.comparing import compare, level_of
from tandem.settings import DriftSettings

_RESULT = Path(__file__).parent / "results" / "drift_level.json"
_LEVELS = (level_of(DriftSettings()), 0.01, 0.05, 0.1, 0.2)


def main() -> None:
    """Simulate, print and keep the result."""
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--looks", type=int, default=6_000)
    parser.add_argument("--kept", type=Path, help="what the questions brought, from an earlier run")
    arguments = parser.parse_args()
    usual = joined(asked_all(arguments.data, arguments.kept), "covidqa dev", "covidqa rest")
    settings = DriftSettings()
    p_values: dict[str, list[float]] = {}
    for seed in range(arguments.looks):
        rng = np.random.default_rng(seed)
        reference = part(usual, rng.integers(0, usual.size, settings.reference))
        window = part(usual, rng.integers(0, usual.size, settings.window))
        found = compare(reference, window, min(_LEVELS))
        for one in found:
            p_values.setdefault(one.series, []).append(one.compared.p_value)
        # Holm's first step decides whether there is any alarm.
        together = min(1.0, len(found) * min(one.compared.p_value for one in found))
        p_values.setdefault("all together", []).append(together)
    report: dict[str, Any] = {
        "command": f"python -m bench.drift_level --looks {arguments.looks}",
        "machine": machine(),
        "expected": {str(level): _bounds(level, arguments.looks) for level in _LEVELS},
        "alarmed": {
            name: {str(level): round(float(np.mean(np.array(values) <= level)), 4) for level in _LEVELS}
            for name, values in p_values.items()
        },
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _bounds(level: float, looks: int) -> list[float]:
    spread = 2 * float(np.sqrt(level * (1 - level) / looks))
    return [round(max(level - spread, 0), 4), round(level + spread, 4)]


if __name__ == "__main__":
    main()
