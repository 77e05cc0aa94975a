"""What is watched of live answers: figures, rules over them, and the states of an alert. No database, no clock."""

from tandem.monitoring.figures import Figures, Moments
from tandem.monitoring.intervals import Estimate
from tandem.monitoring.measures import MEASURES, Measure
from tandem.monitoring.reading import Reading, read
from tandem.monitoring.rule import AlertRule, InterventionKind

__all__ = [
    "MEASURES",
    "AlertRule",
    "Estimate",
    "Figures",
    "InterventionKind",
    "Measure",
    "Moments",
    "Reading",
    "read",
]
