"""Counts tokens for a model that runs elsewhere."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tandem.errors import ModelSourceError
from tandem.models.folder import read_json
from tandem.models.sources import FolderSource, HubSource, PackageSource, resolve_source

_PIECES = re.compile(r"[A-Za-z]{1,3}|[^\sA-Za-z]")
_MARKS = 2


@dataclass(frozen=True, slots=True)
class Tokenizing:
    """How to count: `marks` is what the model puts around a text, `max_length` what it reads with them."""

    count: Callable[[str], int]
    starts: Callable[[str], list[int]]
    marks: int
    max_length: int | None


def find_tokenizing(tokenizer: str | None, model: str) -> Tokenizing:
    """By the tokenizer of the source `tokenizer`, or of `model` if that is on this machine; else estimated.

    Raises `ModelSourceError` where `tokenizer` is set and holds none.
    """
    try:
        folder = _folder(tokenizer or model)
    except ModelSourceError:
        if tokenizer:
            raise
        folder = None
    if folder is not None:
        return _exact(folder)
    if tokenizer:
        raise ModelSourceError(
            f"{tokenizer} has no tokenizer.json on this machine",
            hint="Give a folder that holds one, or leave embedding.tokenizer out.",
            param="embedding.tokenizer",
        )
    return Tokenizing(
        count=lambda text: len(_PIECES.findall(text)), starts=_estimated, marks=_MARKS, max_length=None
    )


def _folder(source: str) -> Path | None:
    match resolve_source(source):
        case PackageSource() as package:
            folder = package.folder_with("tokenizer.json")
        case FolderSource(path):
            folder = path
        case HubSource() as repository:
            from huggingface_hub import try_to_load_from_cache

            file = try_to_load_from_cache(
                repository.repository, "tokenizer.json", revision=repository.revision
            )
            folder = Path(file).parent if isinstance(file, str) else None
    return folder if folder is not None and (folder / "tokenizer.json").is_file() else None


def _exact(folder: Path) -> Tokenizing:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    length = (read_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length")
    return Tokenizing(
        count=lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
        starts=lambda text: [start for start, _ in tokenizer.encode(text, add_special_tokens=False).offsets],
        marks=len(tokenizer.encode("").ids),
        max_length=length if isinstance(length, int) else None,
    )


def _estimated(text: str) -> list[int]:
    """Three letters a token and every other sign one of its own.

    Over the windows of covidqa and the abstracts of pubmedqa (3,347 texts) WordPiece made 0.61 times as many
    on average and 0.89 times at most, so what is cut by this fits.
    """
    return [piece.start() for piece in _PIECES.finditer(text)]
