"""What tells one embedder's vectors from another's."""

import hashlib
from pathlib import Path

from tandem.embedding.embedder import Prompts
from tandem.models.folder import read_modules
from tandem.models.manifest import sha256_of

_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model")


def fingerprint_of(folder: Path, prompts: Prompts) -> str:
    """Short hash, in hex, of all that decides what a vector means: weights, tokenizer, steps, prompts.

    Not of the number format: bf16 and fp32 vectors of one model are comparable. Not of the place
    either: the same files from a package and from a hub agree.
    """
    names = {file.name for file in folder.glob("*.safetensors")} | {
        "modules.json",
        "sentence_bert_config.json",
    }
    names |= {next((name for name in _TOKENIZER_FILES if (folder / name).is_file()), _TOKENIZER_FILES[0])}
    for step in read_modules(folder):
        if path := str(step.get("path", "")):
            # Pooling is settings alone; a dense layer brings weights of its own.
            names |= {f"{path}/config.json", f"{path}/model.safetensors"}
    digest = hashlib.sha256()
    for name in sorted(names):
        if (folder / name).is_file():
            digest.update(f"{name}\0{sha256_of(folder / name)}\0".encode())
    digest.update(f"{prompts.query}\0{prompts.document}".encode())
    return digest.hexdigest()[:16]
