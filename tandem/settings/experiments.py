"""Challengers beside the champion."""

from pydantic import Field

from tandem.settings.group import Group


class ExperimentSettings(Group):
    """Experiments between recipes on live traffic."""

    follow_s: float = Field(
        0.5, gt=0, description="Seconds after which a change of an experiment holds on every server."
    )
