"""What every group of settings has in common."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """A section of the file: no unknown key, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
