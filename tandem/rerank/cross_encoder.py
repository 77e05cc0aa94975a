"""A cross-encoder reads question and passage together: better than any vector, and slower."""

from tandem.rerank.in_process import InProcessReranker


class CrossEncoderReranker(InProcessReranker):
    """A `CrossEncoder` of sentence-transformers."""

    def __init__(self, model: str) -> None:
        """Load `model`, a folder or a name of a hub. Blocks."""
        from sentence_transformers import CrossEncoder

        super().__init__()
        self._model = CrossEncoder(model)

    def predict(self, question: str, texts: list[str]) -> list[float]:
        """See `InProcessReranker.predict`."""
        scores = self._model.predict([(question, text) for text in texts], show_progress_bar=False)
        return [float(score) for score in scores]
