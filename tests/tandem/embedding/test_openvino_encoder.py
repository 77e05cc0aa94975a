"""Passes of few shapes, for each of which OpenVINO keeps memory."""

import numpy as np
import pytest

from tandem.embedding import Embedder, load_embedder
from tandem.embedding.openvino_encoder import OpenVinoEncoder, rows_of
from tandem.embedding.processor import suits_openvino
from tandem.settings import EmbeddingSettings


def test_any_number_of_texts_makes_passes_of_ten_heights() -> None:
    heights = {rows_of(texts, 32) for texts in range(1, 33)}
    assert sorted(heights) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]


def test_a_pass_has_room_for_its_texts_and_at_most_half_as_much_again() -> None:
    for most in (7, 25, 32, 1_000):
        for texts in range(1, most + 1):
            assert texts <= rows_of(texts, most) <= min(1.5 * texts, most)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    if not suits_openvino():
        pytest.skip("OpenVINO is for processors of the x86 family")
    settings = EmbeddingSettings(backend="openvino", dtype="float32")
    return load_embedder(settings, tmp_path_factory.mktemp("data"))


def test_a_text_has_the_same_vector_whoever_shares_its_pass(fast: Embedder) -> None:
    texts = [f"The depot's gate number {number} closes at seven." for number in range(13)]
    alone = [fast.embed_documents([text])[0] for text in texts]
    for count in range(1, len(texts) + 1):
        together = fast.embed_documents(texts[:count])
        assert together.shape == (count, fast.dimension)
        assert np.allclose(together, alone[:count], atol=1e-5)


def test_batches_of_questions_make_few_shapes(fast: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, shapes = fast._encoder, set[tuple[int, int]]()
    assert isinstance(encoder, OpenVinoEncoder)
    infer = encoder._infer

    def noted(rows, shape):  # type: ignore[no-untyped-def]
        shapes.add(shape)
        return infer(rows, shape)

    monkeypatch.setattr(encoder, "_infer", noted)
    for count in range(1, 33):
        fast._embed_questions(["Which river?"] * count)
    assert len(shapes) == 10
