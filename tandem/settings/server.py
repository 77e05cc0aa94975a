"""How the HTTP service listens."""

from pydantic import Field

from tandem.settings.group import Group


class ServerSettings(Group):
    """The HTTP service."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    allow_remote: bool = Field(
        False,
        description="Allow an address, and requests for a host name, other than loopback. Keys are then required "
        "(identity.required), and should go by TLS: put a proxy before the server.",
    )
    max_question_chars: int = Field(8_000, ge=1, description="Longest question accepted, in characters.")
    max_history_messages: int = Field(100, ge=1, description="Most messages accepted in one request.")
    shutdown_grace_s: float = Field(
        10.0, ge=0, description="Seconds that running answers get to finish at a stop."
    )
