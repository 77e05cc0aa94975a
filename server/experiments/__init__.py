"""Experiments in one server: which run, who gets which recipe, and the answers that nobody sees."""

from server.experiments.live import Assigned, LiveExperiments

__all__ = ["Assigned", "LiveExperiments"]
