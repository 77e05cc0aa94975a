"""What is watched of the questions that come."""

from pydantic import Field

from tandem.settings.group import Group


class DriftSettings(Group):
    """Drift of the questions and the answers, and questions from outside the domain."""

    watch: bool = Field(
        True,
        description="Compare answers with a reference, again and again; `false` keeps no question vectors.",
    )
    reference: int = Field(
        500,
        ge=50,
        le=2_000,
        description="Answers that make a reference where it is not told from when to when.",
    )
    window: int = Field(
        500,
        ge=50,
        le=2_000,
        description="Answers that are compared with the reference at a time: the newest.",
    )
    looks: int = Field(
        5, ge=1, le=50, description="How often each answer is looked at: once in `window / looks` answers."
    )
    alarms: float = Field(
        0.01,
        gt=0,
        lt=0.5,
        description="Most false looks that alarm to be expected for each `window` of answers, all series and "
        "looks together.",
    )
    false_alarms: float = Field(
        0.05, gt=0, lt=0.5, description="Share of the domain's own questions that are called outside of it."
    )
    every_s: float = Field(30, ge=0.1, description="Seconds from one look for new answers to the next.")
    tenants: int = Field(
        100, ge=0, le=10_000, description="Most tenants that are watched one by one, the busiest first."
    )
    keep_days: float = Field(90, gt=0, description="Days for which the vectors of questions are kept.")
    keep: int = Field(20_000, ge=100, description="Most vectors of questions that are kept of a tenant.")
