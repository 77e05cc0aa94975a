"""How the HTTP service listens."""

from pydantic import Field

from tandem.settings.group import Group


class ServerSettings(Group):
    """The HTTP service."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    allow_remote: bool = Field(
        False,
        description="Allow an address other than loopback. There are no identities yet: "
        "anyone who reaches the port can read and write.",
    )
    max_question_chars: int = Field(8_000, ge=1, description="Longest question accepted, in characters.")
    max_history_messages: int = Field(100, ge=1, description="Most messages accepted in one request.")
    drain_s: float = Field(
        0.5,
        ge=0,
        description="Seconds after a SIGTERM in which new questions are still accepted, so that balancers notice that "
        "the server is not ready any more.",
    )
    shutdown_grace_s: float = Field(
        30.0,
        ge=0,
        description="Seconds that a stop may take. Answers that run three quarters of it are cut, with an error as "
        "their last event.",
    )
