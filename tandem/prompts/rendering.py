"""Turns the text of a prompt and the parts of a question into chat messages."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError

from tandem.errors import InvalidPromptError
from tandem.prompts.language import PromptEnvironment, limited

Message = dict[str, str]
"""`{"role": ..., "content": ...}`, as the engine takes it."""

ROLES = ("system", "user", "assistant")
_MOST_MESSAGES = 1_000
_FAULTS = (
    TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError
)  # fmt: skip
"""What a template's own mistakes end in."""

_environment = PromptEnvironment()


def prompt_hash(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hex: another text is another version."""
    return sha256(text.encode()).hexdigest()


def render(text: str, **variables: Any) -> list[Message]:
    """The messages that a prompt makes, in its order.

    Raises `InvalidPromptError` where the prompt asks for what is not there, or for too much.
    """
    messages: list[Message] = []

    def message(role: str, caller: Callable[[], str]) -> str:
        if role not in ROLES:
            raise ValueError(f"the role {role!r} is none of {', '.join(ROLES)}")
        if len(messages) >= _MOST_MESSAGES:
            raise ValueError(f"it makes more than {_MOST_MESSAGES:,} messages")
        messages.append({"role": role, "content": caller().strip()})
        return ""

    template = compiled(text)
    try:
        with limited():
            template.render(message=message, **variables)
    except _FAULTS as error:
        raise InvalidPromptError(f"The prompt cannot be rendered: {error}", param="prompt") from error
    return messages


@lru_cache(maxsize=256)
def compiled(text: str) -> Template:
    """The text as a template. Raises `InvalidPromptError`, naming the line, for what cannot be one."""
    try:
        return _environment.from_string(text)
    except TemplateSyntaxError as error:
        raise InvalidPromptError(
            f"The prompt is not a template: line {error.lineno}: {error.message}", param="text"
        ) from error
    except _FAULTS as error:
        raise InvalidPromptError(f"The prompt is not accepted: {error}", param="text") from error
