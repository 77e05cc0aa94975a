"""A scripted engine: it quotes the document, or where the prompt tells it to, it rambles. No model is asked."""

import json

from app_client import FACT
from fake_vllm import Handler, say

RAMBLE = "Write whatever comes to mind."
"""A prompt that says so gets no answer from the documents."""

_RAMBLED = "Bananas dream of purple thunder near the moon."


def by_prompt(handler: Handler) -> None:
    """A play for `FakeVllm`."""
    prompt = json.dumps(handler.asked["messages"])
    text = _RAMBLED if RAMBLE in prompt else FACT
    say(*(f"{word} " for word in text.split()))(handler)


def bad_prompt(good: str) -> str:
    """The text of a prompt that its author meant well with."""
    before = "You answer questions about documents."
    assert before in good
    return good.replace(before, f"{before} {RAMBLE}", 1)
