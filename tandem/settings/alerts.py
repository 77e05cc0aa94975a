"""What is watched, and what is done about it."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from tandem.monitoring.rule import InterventionKind
from tandem.settings.group import Group


class AlertSettings(Group):
    """Metrics, sampled quality, alerts and their interventions; see docs/monitoring.md."""

    every_s: float = Field(
        10.0, gt=0, description="Seconds between two looks at the rules, of all servers together."
    )
    builtin: bool = Field(True, description="Have the rules that come with Tandem.")
    rules: Path | None = Field(
        None,
        description="TOML file with rules of your own; one of the same name stands in a built-in's place.",
    )
    intervene: bool = Field(True, description="Let rules intervene; without it they only alarm.")
    ask_first: list[InterventionKind] = Field(
        ["degrade"],
        description="Interventions that are only proposed, until somebody approves: `rollback`, `stop_experiment`, "
        "`degrade`, `retrain`. A rule may say otherwise for itself.",
    )
    rollbacks: int = Field(
        2,
        ge=0,
        description="Most rollbacks that Tandem makes by itself in `rollbacks_s`; then it only alarms.",
    )
    rollbacks_s: float = Field(86_400.0, gt=0, description="Seconds in which those rollbacks are counted.")
    respect_s: float = Field(
        86_400.0,
        ge=0,
        description="Seconds for which an intervention that somebody undid or rejected is not made again.",
    )
    webhook: str | None = Field(None, description="URL to which alerts and interventions are posted as JSON.")
    webhook_secret: str | None = Field(
        None, description="Signs each post: `Tandem-Signature: t=SECONDS,v1=HMAC-SHA256 of SECONDS.BODY`."
    )
    alertmanager: str | None = Field(
        None, description="URL of an Alertmanager, such as `http://alertmanager:9093`."
    )
    private_targets: bool = Field(
        False, description="Let both be at private addresses and at any port, such as inside a cluster."
    )
    send_timeout_s: float = Field(10.0, gt=0, description="Longest that one sending may take.")
    send_tries: int = Field(
        8, ge=1, description="Tries of one sending, each after twice the wait of the one before."
    )
    resend_s: float = Field(
        60.0, gt=0, description="Seconds after which Alertmanager hears again of what still fires."
    )
    runbook: str = Field(
        "https://github.com/tandem-rag/tandem/blob/main/docs/runbook.md",
        description="Page that an alert links to, with the rule's name as its anchor.",
    )
    keep_days: float = Field(400.0, gt=0, description="Days for which alerts that are over are kept.")
    window_s: float = Field(
        600.0, ge=10, description="Seconds of answers behind the gauges of /metrics and `tandem monitor`."
    )
    metric_recipes: int = Field(
        20, ge=1, le=100, description="Recipes with metrics of their own; the rest is `other`."
    )
    metric_tenants: int = Field(
        20, ge=0, le=100, description="Tenants with metrics of their own, the largest; the rest is `other`."
    )
    quality_by: Literal["judge", "overlap"] | None = Field(
        None,
        description="What `tandem eval watch` scores by: the judge, or the words that an answer shares with what it "
        "cites; unset, the judge where one is set, else the words.",
    )
    quality_measure: Literal["faithfulness", "response_groundedness"] = Field(
        "faithfulness", description="Measure of Ragas that the judge gives."
    )
    quality_share: float = Field(
        0.05, ge=0, le=1, description="Share of the answers whose quality is sampled."
    )
    quality_calls_a_day: int = Field(
        2_000,
        ge=0,
        description="Most replies of the judge that a day (UTC) pays for, of all watchers together.",
    )
    quality_tokens_a_day: int | None = Field(None, ge=1, description="The same in tokens, read and written.")
    quality_unproven_acts: bool = Field(
        False,
        description="Let interventions rest on scores of a judge that is under its floor (`judge.floor_kappa`), or on "
        "`overlap`.",
    )
