"""What is kept of an answer."""

from pydantic import Field

from tandem.settings.group import Group


class TraceSettings(Group):
    """Traces: how long they are kept, and where they are sent."""

    keep_days: float = Field(90.0, gt=0, description="Days for which a trace is kept.")
