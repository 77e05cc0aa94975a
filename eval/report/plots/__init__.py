"""Plots of a comparison, as SVG that goes into a page: text stays text, colours follow the page's theme."""

from eval.report.plots.costs import draw_cost
from eval.report.plots.curves import draw_learning, draw_risk
from eval.report.plots.forest import draw_differences
from eval.report.plots.quality import draw_quality
from eval.report.plots.slices import draw_slices

__all__ = ["draw_cost", "draw_differences", "draw_learning", "draw_quality", "draw_risk", "draw_slices"]
