"""Paired differences as units that are independent: cases, or groups of cases that hang together."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Units:
    """Of each unit the sum of its differences and the number of its cases, both of shape (units,)."""

    sums: Floats
    sizes: Floats

    @property
    def mean(self) -> float:
        """Mean difference of a case."""
        return float(self.sums.sum() / self.sizes.sum())


def units_of(differences: Sequence[float], groups: Sequence[Hashable] | None = None) -> Units:
    """One unit a case, or one a group in the order in which they first appear.

    Raises `ValueError` for no differences, for what is no number, and for groups of another length.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not values.size:
        raise ValueError("there is nothing to compare")
    if not np.isfinite(values).all():
        raise ValueError("a difference is no number")
    if groups is None:
        return Units(values, np.ones_like(values))
    if len(groups) != len(values):
        raise ValueError(f"{len(values)} differences, and groups for {len(groups)}")
    numbers: dict[Hashable, int] = {}
    places = [numbers.setdefault(group, len(numbers)) for group in groups]
    return Units(
        np.bincount(places, weights=values).astype(np.float64), np.bincount(places).astype(np.float64)
    )
