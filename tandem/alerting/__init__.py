"""Alerts between settings, store and people: which rules hold, and how an intervention is undone."""

from tandem.alerting.ruleset import KnownRule, check_rule_name, rules_in_force
from tandem.alerting.undoing import undo_intervention

__all__ = ["KnownRule", "check_rule_name", "rules_in_force", "undo_intervention"]
