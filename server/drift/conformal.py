"""A threshold that holds its rate: split conformal prediction.

If the distances of a calibration and of a new question of the domain are exchangeable, the new one is above the
threshold with a probability of at most the rate, for any number of them and any distribution (Vovk, Gammerman and
Shafer, Algorithmic Learning in a Random World, 2005; Bates et al., Testing for Outliers with Conformal p-values,
Annals of Statistics 51, 2023). It is an average over calibrations: that of one calibration with n questions has a
beta distribution around the rate, see `rate_interval`.
"""

from collections.abc import Sequence
from math import ceil, floor, inf

from scipy.stats import beta


def conformal_threshold(distances: Sequence[float], rate: float) -> float:
    """The distance above which a question is outside. Infinite where there are too few for such a rate."""
    place = ceil((len(distances) + 1) * (1 - rate))
    return sorted(distances)[place - 1] if place <= len(distances) else inf


def fewest(rate: float) -> int:
    """Distances that there must be for a threshold of this rate."""
    return ceil(1 / rate) - 1


def rate_interval(count: int, rate: float) -> tuple[float, float]:
    """Between which rates a calibration with `count` questions is in 90 of 100 cases, for distances without ties."""
    above = floor((count + 1) * rate)
    if not above:
        return 0.0, 0.0
    low, high = beta.ppf([0.05, 0.95], above, count + 1 - above)
    return float(low), float(high)
