"""How often an experiment that is looked at all the time finds an effect: one that is not there, and ones that are.

    python -m bench.ab_simulation [--null 2000] [--runs 500] [--answers 6000] [--every 10]

Each kind of traffic is drawn anew for each effect, and looked at after every tenth answer by every test:

- `tandem`: what `tandem.sequential` says of the units' means, at the level 5%;
- `betting`: pairs of units, one of each arm, by betting (Waudby-Smith and Ramdas 2023), where a user answers once;
- `bernstein`: an empirical-Bernstein confidence sequence an arm, each at half the level, where a user answers once;
- `z_peeked`: the test with a fixed end, at every look: what a dashboard does that stops when it sees p < 0.05;
- `z_peeked_answers`: the same, with every answer as if it were a user of its own;
- `z_at_the_end`: the test with a fixed end, looked at once there.

`found` is the share of the experiments in which it says that there is an effect, with Wilson's 95% interval: where
`effect` is 0 that is the rate of false alarms. `interval_missed` is the share in which Tandem's interval ever left out
the true effect. `answers_to_decide` is the median over all experiments of the answers
after which it said so; empty where more than half never did. No time is measured.
"""

import argparse
import json
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bench.ab_streams import KINDS, Floats, Kind, Look, looks
from bench.machine import machine
from tandem.sequential import LEAST_UNITS, half_width, units_needed, wealth_above

_RESULT = Path(__file__).parent / "results" / "ab_simulation.json"
_EFFECTS = (0.0, 0.02, 0.05, 0.1, 0.2)
_LEVEL = 0.05
_PAIRED = tuple(kind for kind in KINDS if kind.per_user <= 1 and kind.share == 0.5)
Bools = NDArray[np.bool_]


def main() -> None:
    """Simulate, print and keep the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--null", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--answers", type=int, default=6_000)
    parser.add_argument("--every", type=int, default=10)
    asked = parser.parse_args()
    command = "python -m bench.ab_simulation " + " ".join(f"--{k} {v}" for k, v in vars(asked).items())
    report = {
        "command": command,
        "machine": machine(),
        "level": _LEVEL,
        "smallest_effect": {kind.name: kind.smallest for kind in KINDS},
        "answers": asked.answers,
        "looked_at_every": asked.every,
        "kinds": {kind.name: _of_kind(kind, asked) for kind in KINDS},
        "guardrails": _guardrails(asked),
        "units_needed": _needed(),
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _of_kind(kind: Kind, asked: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for place, effect in enumerate(_EFFECTS):
        runs = asked.runs if effect else asked.null
        rng = np.random.default_rng([KINDS.index(kind), place])
        first = _first_found(kind, effect, asked, runs, rng)
        if kind in _PAIRED:
            first |= _by_pairs(kind, effect, asked, runs, rng)
        found[f"{effect:g}"] = {name: _figures(when) for name, when in first.items()}
        print(kind.name, effect, {name: one["found"] for name, one in found[f"{effect:g}"].items()})
    return found


def _first_found(
    kind: Kind, effect: float, asked: argparse.Namespace, runs: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """Of each test and experiment the answers after which it found an effect; infinite where it never did."""
    when = {name: np.full(runs, np.inf) for name in ("tandem", "interval_missed", *_TESTS)}
    last: Look | None = None
    for look in looks(kind, effect, asked.answers, asked.every, runs, rng):
        enough = look.units.min(axis=1) >= LEAST_UNITS
        said = {name: says(look) for name, says in _TESTS.items()}
        said |= {"tandem": _tandem(look, kind), "interval_missed": _tandem(look, kind, effect)}
        for name, found in said.items():
            found &= enough
            when[name] = np.where(found & np.isinf(when[name]), look.answers, when[name])
        last = look
    assert last is not None
    when["z_at_the_end"] = np.where(_z(last.units, last.mean, last.variance), float(asked.answers), np.inf)
    return when


def _tandem(look: Look, kind: Kind, against: float = 0.0) -> Bools:
    variance = (look.variance / np.maximum(look.units, 1)).sum(axis=1)
    gap = look.mean[:, 1] - look.mean[:, 0]
    return np.asarray(np.abs(gap - against) > half_width(variance, kind.smallest, _LEVEL))


def _z(units: Floats, mean: Floats, variance: Floats) -> Bools:
    error = np.sqrt((variance / np.maximum(units, 1)).sum(axis=1))
    return np.asarray(np.abs(mean[:, 1] - mean[:, 0]) > norm.ppf(1 - _LEVEL / 2) * error)


_TESTS: dict[str, Callable[[Look], Bools]] = {
    "z_peeked": lambda look: _z(look.units, look.mean, look.variance),
    "z_peeked_answers": lambda look: _z(look.raw_units, look.raw_mean, look.raw_variance),
}


def _by_pairs(
    kind: Kind, effect: float, asked: argparse.Namespace, runs: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """The two tests that need every unit's value to stand still: of as many users, half in each arm."""
    pairs = asked.answers // 2
    mean = (kind.base, kind.base + effect)
    shape = (runs, pairs)
    if kind.binary:
        one, two = ((rng.random(shape) < each).astype(float) for each in mean)
    else:
        one, two = (rng.beta(2 * each, 2 * (1 - each), shape) for each in mean)
    # Of the differences, put into [0, 1]: is their mean above a half, or below?
    halves = (two - one + 1) / 2
    wealth = (wealth_above(halves, 0.5, _LEVEL) + wealth_above(1 - halves, 0.5, _LEVEL)) / 2
    low_one, high_one = _bernstein(one)
    low_two, high_two = _bernstein(two)
    apart = (low_two > high_one) | (high_two < low_one)
    return {"betting": _first(wealth >= 1 / _LEVEL), "bernstein": _first(apart)}


def _bernstein(values: Floats) -> tuple[Floats, Floats]:
    """The predictable plug-in empirical-Bernstein sequence, at half the level (Waudby-Smith and Ramdas 2023, th. 2)."""
    level, count = _LEVEL / 2, np.arange(1, values.shape[1] + 1)
    centre = (0.5 + values.cumsum(axis=1)) / (count + 1)
    spread = (0.25 + ((values - centre) ** 2).cumsum(axis=1)) / (count + 1)
    earlier = np.concatenate([np.full((len(values), 1), 0.25), spread[:, :-1]], axis=1)
    guess = np.concatenate([np.full((len(values), 1), 0.5), centre[:, :-1]], axis=1)
    stake = np.minimum(np.sqrt(2 * log(2 / level) / (earlier * count * np.log(count + 1))), 0.5)
    cost = 4 * (values - guess) ** 2 * (-np.log1p(-stake) - stake) / 4
    staked = stake.cumsum(axis=1)
    middle = (stake * values).cumsum(axis=1) / staked
    reach = (log(2 / level) + cost.cumsum(axis=1)) / staked
    return middle - reach, middle + reach


def _first(found: Bools) -> Floats:
    """Answers of both arms until the first look that found something."""
    return np.where(found.any(axis=1), 2.0 * (found.argmax(axis=1) + 1), np.inf)


def _figures(when: Floats) -> dict[str, Any]:
    share = float(np.isfinite(when).mean())
    low, high = _wilson(share, len(when))
    middle = float(np.median(when))
    return {
        "found": round(share, 4),
        "interval": [round(low, 4), round(high, 4)],
        "answers_to_decide": None if np.isinf(middle) else round(middle),
        "runs": len(when),
    }


def _wilson(share: float, runs: int) -> tuple[float, float]:
    z = float(norm.ppf(0.975))
    middle = (share + z**2 / (2 * runs)) / (1 + z**2 / runs)
    reach = z / (1 + z**2 / runs) * float(np.sqrt(share * (1 - share) / runs + z**2 / (4 * runs**2)))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _guardrails(asked: argparse.Namespace) -> dict[str, Any]:
    """How often a guardrail stops an experiment: at its limit, where it should not, and above it.

    Users ask again and again and differ; their means so far, in the order in which they came, are bet on anew at
    every look.
    """
    found = {}
    for limit, truth in ((0.05, 0.05), (0.05, 0.1), (0.2, 0.2), (0.2, 0.3), (0.02, 0.02), (0.02, 0.06)):
        rng = np.random.default_rng([7, round(1_000 * truth)])
        when = _guarded(limit, truth, asked.null if limit == truth else asked.runs, rng)
        found[f"limit {limit:g}, truth {truth:g}"] = _figures(when)
        print("guardrail", limit, truth, found[f"limit {limit:g}, truth {truth:g}"])
    return found


def _guarded(limit: float, truth: float, runs: int, rng: np.random.Generator) -> Floats:
    users, answers, every = 400, 1_200, 20
    size = 1 / 0.3 - 1
    own = rng.beta(truth * size, (1 - truth) * size, (runs, users))
    asking = np.minimum((rng.random((runs, answers)) * users).astype(int), users - 1)
    value = (rng.random((runs, answers)) < np.take_along_axis(own, asking, axis=1)).astype(float)
    seen, total = np.zeros((runs, users)), np.zeros((runs, users))
    order = np.argsort(_first_seen(asking, users), axis=1)
    row, when = np.arange(runs), np.full(runs, np.inf)
    for place in range(answers):
        seen[row, asking[:, place]] += 1
        total[row, asking[:, place]] += value[:, place]
        if (place + 1) % every == 0:
            ordered = np.take_along_axis(seen, order, axis=1)
            came = int((ordered > 0).sum(axis=1).max())
            means = np.take_along_axis(total, order, axis=1)[:, :came] / np.maximum(ordered[:, :came], 1)
            # Who has not come yet bets nothing: a value of the limit leaves the wealth as it is.
            means = np.where(ordered[:, :came] > 0, means, limit)
            broken = wealth_above(means, limit, _LEVEL)[:, -1] >= 1 / _LEVEL
            when = np.where(broken & np.isinf(when), place + 1, when)
    return when


def _first_seen(asking: NDArray[np.int64], users: int) -> NDArray[np.int64]:
    """Of each user the place of the first question; those who never ask come last."""
    found = np.full((len(asking), users), asking.shape[1])
    row = np.arange(len(asking))
    for place in reversed(range(asking.shape[1])):
        found[row, asking[:, place]] = place
    return found


def _needed() -> list[dict[str, Any]]:
    """Units of both arms for 80% power, by the smallest effect that matters; right or wrong, 70% right."""
    rows = []
    for smallest in (0.01, 0.02, 0.03, 0.05, 0.1, 0.2):
        for share in (0.5, 0.25, 0.05):
            variance = 0.7 * 0.3
            z = norm.ppf(0.975) + norm.ppf(0.8)
            fixed = (variance / share + variance / (1 - share)) * (z / smallest) ** 2
            units = units_needed(variance, variance, share, smallest)
            rows.append({"smallest": smallest, "share": share, "units": units, "fixed": round(fixed)})
    return rows


if __name__ == "__main__":
    main()
