"""No chunk is longer than the embedder reads, whichever way its tokenizer takes a text apart."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from cutting import check, document, plan
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from ingest.splitting import Splitter
from ingest.splitting.sizes import Sizes
from tandem.embedding import Embedder
from tandem.vocabulary import Block, BlockKind

TRAINED_ON = [
    "The quick brown foxes were jumping over lazy dogs, and some of them fell into the unfriendly water.",
    "Retrieval puts passages before a model; the model answers from the passages (or it does not know).",
    "def answer(question):\n    return model(question, passages)\n\n\nclass Index:\n    pass\n",
] * 40


class Trained:
    """A small tokenizer of one of the families that embedders have, trained here."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text).ids)

    def token_starts(self, text: str) -> list[int]:
        return [start for start, _ in self._tokenizer.encode(text).offsets]

    def embed_documents(self, texts: list[str]) -> np.ndarray:
        return np.ones((len(texts), 1), dtype=np.float32)


def bytes_bpe() -> Trained:
    """As of GPT-2, ModernBERT and Qwen: a blank belongs to the word after it, newlines are tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TRAINED_ON, trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    )
    return Trained(tokenizer)


def unigram() -> Trained:
    """As of XLM-R, E5 and BGE-M3."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.train_from_iterator(
        TRAINED_ON,
        trainers.UnigramTrainer(
            vocab_size=300, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False
        ),
    )
    return Trained(tokenizer)


@cache
def trained(family: Callable[[], Trained]) -> tuple[Trained, Splitter]:
    tokenizer = family()
    return tokenizer, Splitter(tokenizer)


_WORDS = st.one_of(
    st.sampled_from(
        [*" ".join(TRAINED_ON[:2]).split(), "unfriendlyretrieval.", "[SEP]", "\n\n", "   ", "\x0c"]
    ),
    st.text(max_size=12),
    st.text(alphabet="abe.|漢字。é\u0301\U0001f600\x1c\x85\u00a0\u200b", min_size=20, max_size=120),
)
WORDS = st.lists(_WORDS, max_size=60).map(lambda words: " ".join(words).replace("\r", "\n"))


@pytest.mark.parametrize("family", [bytes_bpe, unigram])
@settings(max_examples=150, deadline=None)
@given(WORDS, st.integers(1, 60), st.booleans())
def test_no_chunk_is_too_long_for_the_families_of_tokenizers(
    family: Callable[[], Trained], text: str, tokens: int, header: bool
) -> None:
    tokenizer, splitter = trained(family)
    blocks = (Block(BlockKind.TABLE, len(text) // 3, len(text) // 2),)
    split = splitter.split(
        document(text, title="Some foxes", blocks=blocks), "v1", plan(tokens, 4, header=header)
    )
    check(text, split.chunks, tokens, tokenizer.count_tokens)


@settings(max_examples=200, deadline=None)
@given(WORDS, st.integers(1, 60), st.booleans())
def test_no_chunk_is_too_long_for_the_default_embedder(
    embedder: Embedder, text: str, tokens: int, header: bool
) -> None:
    split = Splitter(embedder).split(document(text, title="Some foxes"), "v1", plan(tokens, 4, header=header))
    check(text, split.chunks, tokens, embedder.count_tokens)


def test_sizes_are_what_the_default_embedder_counts(embedder: Embedder) -> None:
    size = Sizes(embedder)
    for text in (
        *TRAINED_ON[:3],
        " Begins with a blank",
        "Pneumonoultramicroscopic" * 9,
        "",
        " \n",
        "漢字 かな。",
    ):
        assert size(text) == embedder.count_tokens(text) == len(embedder.token_starts(text))
        size.learn(text)
        assert size(text) == embedder.count_tokens(text)


def test_the_default_embedder_says_where_tokens_start(embedder: Embedder) -> None:
    text = "Birds sing, \U0001f600 unfriendly"
    assert embedder.token_starts(text)[:6] == [0, 6, 10, 12, 14, 16]
    assert len(embedder.token_starts(text)) == embedder.count_tokens(text)


def test_meaning_is_taken_from_the_default_embedder(embedder: Embedder) -> None:
    text = (
        "The cat sleeps on the warm sofa. Kittens purr when they are stroked. A tomcat hunts mice in the barn. "
        "The central bank raised interest rates. Inflation eats the savings of investors. Bonds fell sharply."
    )
    chunks = Splitter(embedder).split(document(text), "v1", plan(32, 0, "semantic")).chunks
    assert text.index("The central") in [chunk.start for chunk in chunks]
