"""Measures of each stage that need no judge."""

from eval.suites.registry import MEASURES, measures_table, score_all
from eval.suites.wholes import figures_of_whole

__all__ = ["MEASURES", "figures_of_whole", "measures_table", "score_all"]
