"""The rules that hold where nobody has written others. `docs/runbook.md` has a section for each."""

from tandem.monitoring.rule import AlertRule

_HOUR, _DAY = 3_600, 86_400


def _worse(name: str, metric: str, by: float, *, least: int = 30, window_s: float = _HOUR) -> AlertRule:
    """The champion is worse than the one before: a promotion was a mistake, and is undone."""
    return AlertRule.model_validate(
        {
            "name": name,
            "metric": metric,
            "scope": "champion",
            "worse_by": by,
            "least": least,
            "window_s": window_s,
            "severity": "critical",
            "intervention": "rollback",
        }
    )


BUILTIN_RULES: tuple[AlertRule, ...] = (
    _worse("champion-abstains-more", "abstained_share", 0.15),
    _worse("champion-fails-more", "failed_share", 0.05),
    _worse("champion-cites-less", "cited_mean", 0.15),
    _worse("champion-quality-fell", "quality_mean", 0.1, window_s=_DAY),
    _worse("champion-disliked-more", "disliked_share", 0.15, window_s=_DAY),
    AlertRule(name="champion-slower", metric="first_token_p95_ms", scope="champion", worse_by=1.0, for_s=300),
    AlertRule(
        name="challenger-fails-more",
        metric="failed_share",
        scope="experiments",
        worse_by=0.05,
        window_s=_HOUR,
        severity="critical",
        intervention="stop_experiment",
    ),
    AlertRule(
        name="challenger-abstains-more",
        metric="abstained_share",
        scope="experiments",
        worse_by=0.2,
        window_s=_HOUR,
        intervention="stop_experiment",
    ),
    AlertRule(
        name="answers-fail",
        metric="failed_share",
        above=0.2,
        window_s=300,
        least=20,
        for_s=60,
        severity="critical",
        intervention="degrade",
    ),
    AlertRule(name="answers-degraded", metric="degraded_share", above=0.1, window_s=600, for_s=60),
    AlertRule(name="answers-abstain", metric="abstained_share", above=0.6, window_s=_HOUR, for_s=300),
    AlertRule(name="searches-empty", metric="empty_share", above=0.2, window_s=_HOUR, for_s=300),
    AlertRule(name="first-token-slow", metric="first_token_p95_ms", above=5_000, for_s=120),
    AlertRule(name="answers-disliked", metric="disliked_share", above=0.4, window_s=_DAY, least=20),
    AlertRule(
        name="questions-drift",
        metric="drift_alarms",
        above=0,
        least=0,
        window_s=_DAY,
        cool_down_s=_DAY,
        intervention="retrain",
    ),
)
