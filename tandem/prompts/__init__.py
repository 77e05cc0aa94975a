"""Prompts: Jinja templates in this folder, each known by its name and the hash of its text.

A template calls `message` once for each message it makes:

    {% call message("user") %}{{ question }}{% endcall %}
"""

from tandem.prompts.library import Message, PromptLibrary

__all__ = ["Message", "PromptLibrary"]
