"""Of whom a rule reads, and what it reads there."""

from dataclasses import replace
from datetime import datetime, timedelta

from server.alerting.champion import Reign
from tandem.monitoring import MEASURES, AlertRule, Figures, Reading, read
from tandem.store import Store, Window

_MOST_PAST = 64
_BEFORE_S = 86_400.0
"""So long before a promotion answers tell what the champion before was like."""


Known = dict[tuple[Window, bool], Figures]
"""Figures by their window, and whether durations are among them."""


class Windows:
    """Figures of one look: several rules ask about the same window, which may hold millions of answers. Blocking.

    `past` outlives the look: it holds windows that ended long ago, in which nothing is counted any more.
    """

    def __init__(self, store: Store, past: Known) -> None:
        self.store = store
        self._past = past
        self._now: Known = {}

    def figures(self, window: Window, rule: AlertRule, *, past: bool = False) -> Figures:
        """The figures of a window, as far as the rule needs them."""
        if rule.metric == "disliked_share":
            votes = self.store.feedback_score(
                recipe=window.recipe, since=window.since, until=window.until, tenant=window.tenant
            )
            return Figures(liked=votes.up, disliked=votes.down)
        if rule.metric == "quality_mean":
            # Few answers are scored, which an index knows; and a score may come late.
            return self.store.figures(replace(window, scored=True), durations=False)
        durations = MEASURES[rule.metric].quantiles is not None
        known = self._past if past else self._now
        if (window, durations) not in known:
            if past and len(known) >= _MOST_PAST:
                known.clear()
            known[window, durations] = self.store.figures(window, durations=durations)
        return known[window, durations]


def readings_of(rule: AlertRule, windows: Windows, reign: Reign, at: datetime) -> list[Reading]:
    """What the rule finds now, of each subject that it looks at. Blocking."""
    store = windows.store
    since = at - timedelta(seconds=rule.window_s)
    if rule.scope == "champion":
        return _of_champion(rule, windows, reign, at, since)
    if rule.scope == "experiments":
        return [
            _of_experiment(rule, windows, one, reign.label, since) for one in store.experiments_seen(since)
        ]
    if rule.metric == "drift_alarms":
        return [read(rule, "all", Figures(), None, len(store.drift_alarms(since)))]
    if rule.scope == "all":
        return [read(rule, "all", windows.figures(Window(since, at), rule), None)]
    label = rule.scope.removeprefix("recipe:")
    return [read(rule, label, windows.figures(Window(since, at, recipe=label), rule), None)]


def _of_champion(
    rule: AlertRule, windows: Windows, reign: Reign, at: datetime, since: datetime
) -> list[Reading]:
    if reign.since is not None:
        since = max(since, reign.since)
    now = windows.figures(Window(since, at, recipe=reign.label), rule)
    if rule.worse_by is None:
        return [read(rule, reign.label, now, None)]
    blamed = reign.since is not None and at - reign.since <= timedelta(seconds=rule.within_s)
    if reign.since is None or reign.before is None or not blamed:
        return []
    span = timedelta(seconds=max(rule.window_s, _BEFORE_S))
    known = windows.figures(Window(reign.since - span, reign.since, recipe=reign.before), rule, past=True)
    return [read(rule, reign.label, now, known)]


def _of_experiment(
    rule: AlertRule, windows: Windows, experiment: str, champion: str, since: datetime
) -> Reading:
    """The challengers of an experiment beside the champion in it, over the same time."""
    now = windows.figures(Window(since, experiment=experiment, not_recipe=champion), rule)
    known = windows.figures(Window(since, experiment=experiment, recipe=champion), rule)
    return read(rule, experiment, now, known)
