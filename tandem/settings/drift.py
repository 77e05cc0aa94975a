"""What is watched of the questions that come."""

from pydantic import Field

from tandem.settings.group import Group


class DriftSettings(Group):
    """Drift of the questions and the answers, and questions from outside the domain."""

    window: int = Field(500, ge=50, description="Answers that are compared with the reference at a time.")
