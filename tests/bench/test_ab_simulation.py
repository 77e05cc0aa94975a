"""The simulation asks what the product asks."""

import numpy as np

from bench.ab_simulation import tandem_finds
from bench.ab_streams import KINDS, Kind, looks
from tandem.sequential import Sample, difference


def test_the_simulation_decides_as_the_product_does() -> None:
    kind = Kind("one answer a user", 0.7, 0.0, 1.0)
    decided = set()
    for look in looks(kind, 0.2, 400, 40, 30, np.random.default_rng(1)):
        found = tandem_finds(look, kind)
        for run in range(30):
            samples = [_sample(int(look.units[run, arm]), float(look.mean[run, arm])) for arm in (0, 1)]
            if min(one.units for one in samples) >= 20:
                effect = difference(samples[1], samples[0], kind.smallest)
                assert (effect.low > 0 or effect.high < 0) == found[run]
                decided.add(bool(found[run]))
    assert decided == {True, False}


def test_users_who_ask_often_are_counted_once() -> None:
    kind = next(one for one in KINDS if one.per_user == 5.0)
    *_, last = looks(kind, 0.0, 500, 100, 5, np.random.default_rng(2))
    assert (last.raw_units.sum(axis=1) == 500).all()
    assert (last.units.sum(axis=1) <= 100).all()


def _sample(units: int, mean: float) -> Sample:
    ones = round(units * mean)
    return Sample.of([1.0] * ones + [0.0] * (units - ones), share=True)
