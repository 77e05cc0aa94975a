"""What a prompt must be to be saved."""

import re
from typing import Any

from jinja2 import nodes

from tandem.errors import InvalidPromptError, InvalidRequestError, TooLargeError
from tandem.prompts.language import PromptEnvironment
from tandem.prompts.rendering import compiled, render

MOST_PROMPT_CHARS = 50_000
VARIABLES = ("question", "instructions", "history", "passages", "fence", "arranged")
"""What a prompt may name; `fence` and `arranged` are not always there."""
_OF_THE_LANGUAGE = {"message", "range", "namespace", "loop", "caller"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_QUESTION = "What does the sample question ask?"
_PASSAGES = [
    {"title": "A title", "section": "A section", "text": "The text of a passage."},
    {"title": "Another title", "section": None, "text": "The text of another passage."},
]
_HISTORY = [
    {"role": "user", "content": "An earlier question"},
    {"role": "assistant", "content": "An earlier answer"},
]
_SAMPLES: tuple[dict[str, Any], ...] = (
    {"instructions": "", "history": [], "passages": []},
    {
        "instructions": "Be brief.",
        "history": _HISTORY,
        "passages": _PASSAGES,
        "fence": "0a1b2c3d",
        "arranged": True,
    },
)


def check_name(name: str, what: str = "prompt") -> None:
    """Raises `InvalidRequestError` for a name that could not be a file's, or not be told from a version."""
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name!r} cannot be the name of a {what}",
            param="name",
            hint="Up to 64 of a-z, 0-9, - and _, beginning with a letter or digit.",
        )


def check_prompt(text: str) -> str:
    """The text as it is kept, with lines that end as on Unix.

    Raises `InvalidPromptError` for what cannot be compiled, names what does not exist, cannot be rendered, or
    does not end with the question; `TooLargeError` over the limit.
    """
    text = text.replace("\r\n", "\n")
    if len(text) > MOST_PROMPT_CHARS:
        raise TooLargeError(
            f"The prompt has {len(text):,} characters; the limit is {MOST_PROMPT_CHARS:,}", param="text"
        )
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidPromptError("The prompt holds characters that are no text", param="text")
    compiled(text)
    _check_names(text)
    for sample in _SAMPLES:
        messages = render(text, question=_QUESTION, **sample)
        if not messages:
            raise InvalidPromptError(
                "The prompt makes no message",
                param="text",
                hint='{% call message("user") %}{{ question }}{% endcall %}',
            )
        if messages[-1]["role"] != "user" or _QUESTION not in messages[-1]["content"]:
            raise InvalidPromptError(
                "The prompt must end with a message of the user that holds the question",
                param="text",
                hint='{% call message("user") %}{{ question }}{% endcall %}',
            )
    return text


def _check_names(text: str) -> None:
    template = PromptEnvironment().parse(text)
    set_here = {node.name for node in template.find_all(nodes.Name) if node.ctx != "load"}
    for node in template.find_all(nodes.Name):
        if node.ctx == "load" and node.name not in {*VARIABLES, *_OF_THE_LANGUAGE, *set_here}:
            raise InvalidPromptError(
                f"The prompt names {node.name!r} in line {node.lineno}, which does not exist",
                param="text",
                hint=f"There are: {', '.join(VARIABLES)}; a passage has title, section and text, a turn of the "
                "history role and content.",
            )
