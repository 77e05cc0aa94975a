"""Of whom a rule reads, and what it reads there."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from server.alerting.champion import Reign
from tandem.monitoring import AlertRule, Figures, Reading, read
from tandem.store import Store, Window

_BEFORE_S = 86_400.0
"""So long before a promotion answers tell what the champion before was like."""


def readings_of(rule: AlertRule, store: Store, reign: Reign, at: datetime) -> list[Reading]:
    """What the rule finds now, of each subject that it looks at. Blocking."""
    since = at - timedelta(seconds=rule.window_s)
    if rule.scope == "champion":
        return _of_champion(rule, store, reign, at, since)
    if rule.scope == "experiments":
        return [_of_experiment(rule, store, one, reign.label, since) for one in store.experiments_seen(since)]
    if rule.metric == "drift_alarms":
        return [read(rule, "all", Figures(), None, len(_drift_alarms(store, since)))]
    if rule.scope == "all":
        return [read(rule, "all", figures_in(Window(since, at), rule, store), None)]
    label = rule.scope.removeprefix("recipe:")
    return [read(rule, label, figures_in(Window(since, at, recipe=label), rule, store), None)]


def figures_in(window: Window, rule: AlertRule, store: Store) -> Figures:
    """The figures of a window; the votes only where the rule asks for them. Blocking."""
    figures = store.figures(window)
    if rule.metric != "disliked_share":
        return figures
    votes = store.feedback_score(
        recipe=window.recipe, since=window.since, until=window.until, tenant=window.tenant
    )
    return replace(figures, liked=votes.up, disliked=votes.down)


def _of_champion(rule: AlertRule, store: Store, reign: Reign, at: datetime, since: datetime) -> list[Reading]:
    if reign.since is not None:
        since = max(since, reign.since)
    now = figures_in(Window(since, at, recipe=reign.label), rule, store)
    if rule.worse_by is None:
        return [read(rule, reign.label, now, None)]
    blamed = reign.since is not None and at - reign.since <= timedelta(seconds=rule.within_s)
    if reign.since is None or reign.before is None or not blamed:
        return []
    span = timedelta(seconds=max(rule.window_s, _BEFORE_S))
    known = figures_in(Window(reign.since - span, reign.since, recipe=reign.before), rule, store)
    return [read(rule, reign.label, now, known)]


def _of_experiment(rule: AlertRule, store: Store, experiment: str, champion: str, since: datetime) -> Reading:
    """The challengers of an experiment beside the champion in it, over the same time."""
    now = store.figures(Window(since, experiment=experiment, not_recipe=champion))
    known = store.figures(Window(since, experiment=experiment, recipe=champion))
    return read(rule, experiment, now, known)


def _drift_alarms(store: Store, since: datetime) -> Sequence[Any]:
    alarms = getattr(store, "drift_alarms", None)
    return alarms(since) if alarms is not None else ()
