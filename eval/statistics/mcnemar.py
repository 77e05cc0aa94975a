"""Two arms that are right or wrong on the same cases."""

from math import comb


def mcnemar(only_one: int, only_other: int) -> float:
    """Two-sided p-value of McNemar's exact test, in (0, 1].

    `only_one` counts the cases that the first arm alone has right, `only_other` those of the second alone; what both
    have right or wrong says nothing of which is better. McNemar, Note on the Sampling Error of the Difference
    between Correlated Proportions or Percentages (Psychometrika 1947), with the binomial distribution itself in
    place of its approximation. Raises `ValueError` for negative counts.
    """
    if min(only_one, only_other) < 0:
        raise ValueError("a count of cases is not negative")
    discordant, least = only_one + only_other, min(only_one, only_other)
    tail = sum(comb(discordant, n) for n in range(least + 1))
    # Whole numbers until the last step: 2 ** discordant has no float for thousands of cases.
    return max(min(1.0, float(2 * tail / (1 << discordant))), 5e-324)
