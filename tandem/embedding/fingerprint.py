"""What tells one embedder's vectors from another's."""

import hashlib
from pathlib import Path

from tandem.embedding.embedder import Prompts
from tandem.models.folder import read_modules
from tandem.models.manifest import sha256_of

_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "sentencepiece.bpe.model", "spiece.model")


def fingerprint_of(files: bytes, prompts: Prompts) -> str:
    """Short hash, in hex, of all that decides what a vector means: the model's files and the prompts.

    Not of the number format, nor of what computes: vectors of bf16 and fp32, of torch and OpenVINO are
    comparable. Not of the place either: the same files from a package and from a hub agree.
    """
    return hashlib.sha256(files + f"{prompts.query}\0{prompts.document}".encode()).hexdigest()[:16]


def list_files(folder: Path) -> bytes:
    """Names and hashes of weights, tokenizer and steps; reads all of them."""
    names = {file.name for file in folder.glob("*.safetensors")} | {
        "modules.json",
        "sentence_bert_config.json",
    }
    names |= {next((name for name in _TOKENIZER_FILES if (folder / name).is_file()), _TOKENIZER_FILES[0])}
    for step in read_modules(folder):
        if path := str(step.get("path", "")):
            # Pooling is settings alone; a dense layer brings weights of its own.
            names |= {f"{path}/config.json", f"{path}/model.safetensors"}
    present = (name for name in sorted(names) if (folder / name).is_file())
    return "".join(f"{name}\0{sha256_of(folder / name)}\0" for name in present).encode()
