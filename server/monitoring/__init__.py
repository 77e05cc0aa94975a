"""Figures that operations watches."""

from server.monitoring.metrics import Metrics

__all__ = ["Metrics"]
