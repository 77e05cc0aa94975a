"""Makes special tokens in a text ordinary ones.

A chat model tells its roles apart by special tokens such as `<|im_start|>`. A tokenizer makes them of text
that looks like them, wherever it comes from; so text that only quotes, such as a passage, has them broken by
one space: `< |im_start|>` reads alike and is nothing special.
"""

import re
from collections.abc import Callable, Iterable

_KNOWN = (
    r"<\|[^\s<>|]{1,64}\|?>",  # <|im_start|>, <|eot_id|>, <|user|>, <|turn>
    r"<[^\s<>|]{1,64}\|>",  # <turn|>
    r"<｜[^<>｜]{1,64}｜>",  # of DeepSeek
    r"<</?SYS>>",
    r"</?s>",
    r"<(?:bos|eos|pad|unk|mask)>",
    r"</?(?:think|thinking|tool_call|tool_calls|tool_response|tools)>",
    r"</?(?:start|end)_of_(?:turn|image|text)>",
    r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|THINK|ARGS)\]",
)
"""Of the families that are served most, for a model whose tokenizer is not at hand."""


def breaker(marks: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that breaks the well-known special tokens, and `marks`, in a text.

    It is not told which text is hostile: ordinary text comes back as it is.
    """
    # The longest first, or a mark within another would leave the rest of that one whole.
    own = sorted({re.escape(mark) for mark in marks if mark.strip()}, key=len, reverse=True)
    pattern = re.compile("|".join([*own, *_KNOWN]), re.I)

    def broken(text: str) -> str:
        while pattern.search(text):  # what is broken may have held another: <|[INST]|>
            text = pattern.sub(lambda found: split(found.group()), text)
        return text

    return broken


def split(mark: str) -> str:
    """The mark with a space in it: after its first character, or before its last where it is a word."""
    if len(mark) < 2:
        return " "  # nothing is left to break, so this ends
    at = len(mark) - 1 if mark[0].isalnum() else 1
    return f"{mark[:at]} {mark[at:]}"
