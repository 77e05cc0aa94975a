"""Who may ask."""

from pydantic import Field

from tandem.settings.group import Group


class IdentitySettings(Group):
    """Keys and tokens."""

    required: bool = Field(
        False, description="Refuse requests without a key or a token; the health checks alone need none."
    )
