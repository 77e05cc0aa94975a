"""Prompts: Jinja templates, each known by its name and the hash of its text.

A template calls `message` once for each message it makes:

    {% call message("user") %}{{ question }}{% endcall %}
"""

from tandem.prompts.changes import diff
from tandem.prompts.checking import VARIABLES, check_name, check_prompt
from tandem.prompts.library import PromptLibrary
from tandem.prompts.rendering import Message, prompt_hash, render

__all__ = [
    "VARIABLES",
    "Message",
    "PromptLibrary",
    "check_name",
    "check_prompt",
    "diff",
    "prompt_hash",
    "render",
]
