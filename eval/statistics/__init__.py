"""What measured values allow to say: which arm is better, or that there are too few questions to tell."""

from eval.statistics.clusters import clusters_of
from eval.statistics.correction import benjamini_hochberg, holm
from eval.statistics.differences import Family, differences, differences_of
from eval.statistics.intervals import paired_interval, unit_spread
from eval.statistics.mcnemar import mcnemar
from eval.statistics.power import cases_needed, detectable_difference, power_of
from eval.statistics.quantiles import Quantile, quantile
from eval.statistics.sign_flip import sign_flip

__all__ = [
    "Family",
    "Quantile",
    "benjamini_hochberg",
    "cases_needed",
    "clusters_of",
    "detectable_difference",
    "differences",
    "differences_of",
    "holm",
    "mcnemar",
    "paired_interval",
    "power_of",
    "quantile",
    "sign_flip",
    "unit_spread",
]
