"""Challengers beside the champion."""

from pydantic import Field

from tandem.settings.group import Group


class ExperimentSettings(Group):
    """Experiments between recipes on live traffic."""

    follow_s: float = Field(
        0.5, gt=0, description="Seconds after which a change of an experiment holds on every server."
    )
    look_s: float = Field(
        10.0,
        gt=0,
        description="Seconds after which a running experiment is looked at again, by one of the servers, to see "
        "whether it has decided, or a guardrail is broken.",
    )
    shadow_at_once: int = Field(
        1, ge=0, le=64, description="Shadow answers that one server makes at a time; 0 makes none here."
    )
    shadow_waiting: int = Field(
        8,
        ge=0,
        le=10_000,
        description="Questions that may wait for their shadow answer on one server; of more, none is made.",
    )
