"""What is watched, and what is done about it."""

from pydantic import Field

from tandem.settings.group import Group


class AlertSettings(Group):
    """Alerts and their interventions."""

    every_s: float = Field(10.0, gt=0, description="Seconds between two looks at the rules.")
