"""What a question is known by while it is in the server."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Ticket:
    """Of one question. It is made for the question, and used for every call of the engine that it needs."""

    tenant: str
    background: bool = False
    """Nobody waits for the answer, so it waits for those for whom somebody does."""
    spent: int = 0
    """Tokens that the engine has read and written for it so far."""
    inside: bool = field(default=False, repr=False)
    """Whether it holds a place in the server now."""
