"""How much one key, and one tenant, may ask for."""

from pydantic import Field

from tandem.settings.group import Group


class LimitSettings(Group):
    """Limits, and the queue before the engine."""

    queue: int = Field(
        256, ge=1, description="Most questions that wait for the engine at a time; more are refused at once."
    )
