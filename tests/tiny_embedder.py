"""A random BERT of one small layer with the default embedder's own tokenizer: real in all but what it knows."""

import json
import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from tandem.embedding.loading import embedder_folder
from tandem.settings import EmbeddingSettings

SIZE = 32


def tiny_embedder(folder: Path) -> Path:
    """Writes the sentence-transformers folder; the same at every call."""
    source = embedder_folder(EmbeddingSettings().model)
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copyfile(source / name, folder / name)
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        shutil.copyfile(source / name, folder / name)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": SIZE, "pooling_mode_mean_tokens": True})
    )
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=SIZE, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, vocab_size=30_522
    )
    BertModel(config).save_pretrained(folder)
    return folder
