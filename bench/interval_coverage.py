"""How often an interval of a paired difference holds the truth: Tandem's, the plain bootstrap, BCa, and Student's.

    python -m bench.interval_coverage [--runs 1000]

Differences are drawn whose true mean is known: of F1 that is mostly zero, and of right and wrong where few or many
questions differ. `held` is the share of intervals with the truth in them, to be 95%; `width` their mean width, in
points.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap, t

from bench.machine import machine
from eval.statistics import paired_interval

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
_RESULT = Path(__file__).parent / "results" / "interval_coverage.json"
_CASES = (20, 50, 100, 232)


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000)
    runs = parser.parse_args().runs
    kinds: dict[str, tuple[Draw, float]] = {
        "F1, mostly zero, alike": (_f1, 0.0),
        "right or wrong, 2% differ, one way": (lambda rng, cases: _binary(rng, cases, 0.02, 1.0), 0.02),
        "right or wrong, 10% differ, one way": (lambda rng, cases: _binary(rng, cases, 0.1, 1.0), 0.1),
        "right or wrong, 10% differ, alike": (lambda rng, cases: _binary(rng, cases, 0.1, 0.5), 0.0),
        "right or wrong, 30% differ, 70 to 30": (lambda rng, cases: _binary(rng, cases, 0.3, 0.7), 0.12),
    }
    found = {
        name: {str(cases): _measured(draw, truth, cases, runs) for cases in _CASES}
        for name, (draw, truth) in kinds.items()
    }
    report = {
        "command": f"python -m bench.interval_coverage --runs {runs}",
        "machine": machine(),
        "kinds": found,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _f1(rng: np.random.Generator, cases: int) -> Floats:
    found = rng.random((2, cases)) < 0.4
    one, other = np.where(found, rng.beta(0.8, 1.2, (2, cases)), 0.0)
    return np.asarray(one - other)


def _binary(rng: np.random.Generator, cases: int, differing: float, for_one: float) -> Floats:
    drawn = rng.random(cases)
    return np.where(drawn < differing * for_one, 1.0, np.where(drawn < differing, -1.0, 0.0))


def _measured(draw: Draw, truth: float, cases: int, runs: int) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(cases)
    samples = [draw(rng, cases) for _ in range(runs)]
    measured = {}
    for name, interval in _INTERVALS.items():
        ends = np.array([interval(sample) for sample in samples])
        held = (ends[:, 0] <= truth + 1e-12) & (truth - 1e-12 <= ends[:, 1])
        measured[name] = {
            "held": round(float(held.mean()), 3),
            "width": round(float(100 * (ends[:, 1] - ends[:, 0]).mean()), 1),
        }
    return measured


def _ours(values: Floats) -> tuple[float, float]:
    found = paired_interval(values.tolist(), shares=True)
    return found.low, found.high


def _plain(values: Floats) -> tuple[float, float]:
    found = paired_interval(values.tolist())
    return found.low, found.high


def _bca(values: Floats) -> tuple[float, float]:
    if np.ptp(values) == 0:  # SciPy answers NaN
        return float(values[0]), float(values[0])
    found = bootstrap((values,), np.mean, n_resamples=2_000, method="BCa", rng=0).confidence_interval
    return float(found.low), float(found.high)


def _student(values: Floats) -> tuple[float, float]:
    reach = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return float(values.mean()) - reach, float(values.mean()) + reach


_INTERVALS = {"ours": _ours, "percentile": _plain, "BCa": _bca, "Student": _student}

if __name__ == "__main__":
    main()
