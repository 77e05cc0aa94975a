"""Late interaction: each token of the question looks for the token of the passage that is nearest to it.

The score is MaxSim, the sum of these similarities over the question's tokens (Khattab and Zaharia 2020, ColBERT).
The passages' vectors are made when they are scored, so the index needs no room for them.
"""

from tandem.rerank.in_process import InProcessReranker


class MultiVectorReranker(InProcessReranker):
    """A `MultiVectorEncoder` of sentence-transformers; it also reads ColBERT's and PyLate's models."""

    def __init__(self, model: str) -> None:
        """Load `model`, a folder or a name of a hub. Blocks."""
        from sentence_transformers import MultiVectorEncoder

        super().__init__()
        self._model = MultiVectorEncoder(model)

    def predict(self, question: str, texts: list[str]) -> list[float]:
        """See `InProcessReranker.predict`."""
        asked = self._model.encode_query([question], show_progress_bar=False)
        read = self._model.encode_document(texts, show_progress_bar=False)
        scores: list[float] = self._model.similarity(asked, read)[0].tolist()
        return scores
