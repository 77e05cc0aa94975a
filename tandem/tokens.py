"""Counts tokens of the language model without asking the engine."""

from collections.abc import Callable
from pathlib import Path

TokenCounter = Callable[[str], int]

_CHARS_PER_TOKEN = 3
"""Below the 3.5 to 4.5 of English text, so that an estimate never overfills the context."""


def load_token_counter(model_dir: Path | None) -> TokenCounter:
    """A counter by the model's own tokenizer, or an estimate where its folder is not at hand.

    An engine at an address may serve a model that this machine has never seen.
    """
    file = model_dir / "tokenizer.json" if model_dir else None
    if file is None or not file.is_file():
        return lambda text: -(-len(text) // _CHARS_PER_TOKEN)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
