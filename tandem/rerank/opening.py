"""From the settings to a reranker."""

from tandem.errors import SettingsError
from tandem.rerank.cross_encoder import CrossEncoderReranker
from tandem.rerank.endpoint import EndpointReranker
from tandem.rerank.light import LightReranker
from tandem.rerank.protocol import Reranker
from tandem.settings import RetrievalSettings


def open_reranker(settings: RetrievalSettings) -> Reranker | None:
    """The reranker of `settings`, `None` where there is to be none; blocking, a model is loaded.

    Raises `SettingsError` where its model cannot be loaded.
    """
    if settings.reranker == "light":
        return LightReranker()
    if settings.reranker == "endpoint":
        return EndpointReranker(
            settings.rerank_address or "", settings.rerank_model or "", settings.rerank_api_key
        )
    if settings.reranker == "cross_encoder":
        try:
            return CrossEncoderReranker(settings.rerank_model or "")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"The cross-encoder {settings.rerank_model!r} cannot be loaded: {error}",
                param="retrieval.rerank_model",
                hint="Name a folder of sentence-transformers, or a model of a hub that this machine reaches.",
            ) from error
    return None
