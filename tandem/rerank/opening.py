"""From the settings to the rerankers that recipes may ask for."""

from tandem.errors import InvalidRequestError, SettingsError
from tandem.rerank.cross_encoder import CrossEncoderReranker
from tandem.rerank.endpoint import EndpointReranker
from tandem.rerank.light import LightReranker
from tandem.rerank.multi_vector import MultiVectorReranker
from tandem.rerank.protocol import Reranker
from tandem.settings import RetrievalSettings

_OF_A_MODEL = {"cross_encoder": CrossEncoderReranker, "multi_vector": MultiVectorReranker}


class Rerankers:
    """The light reranker, which needs nothing, and the one of the settings."""

    def __init__(self, others: dict[tuple[str, str | None], Reranker]) -> None:
        self._all: dict[tuple[str, str | None], Reranker] = {("light", None): LightReranker(), **others}

    def of(self, kind: str, model: str | None) -> Reranker:
        """The reranker that a recipe asks for. Raises `InvalidRequestError` where these settings have none."""
        try:
            return self._all[kind, model]
        except KeyError:
            known = ", ".join(kind if name is None else f"{kind} {name}" for kind, name in self._all)
            raise InvalidRequestError(
                f"There is no reranker {kind} {model or ''} here".replace("  ", " "),
                param="retrieval.reranking",
                hint=f"There are: {known}. Others need retrieval.reranker and retrieval.rerank_model.",
            ) from None

    async def close(self) -> None:
        """Let go of models and connections."""
        for one in self._all.values():
            await one.close()


def open_rerankers(settings: RetrievalSettings) -> Rerankers:
    """The rerankers of `settings`; blocking, a model is loaded.

    Raises `SettingsError` where that model cannot be loaded.
    """
    named = _named(settings)
    return Rerankers({} if named is None else {(settings.reranker, settings.rerank_model): named})


def _named(settings: RetrievalSettings) -> Reranker | None:
    model = settings.rerank_model or ""
    if settings.reranker == "endpoint":
        return EndpointReranker(settings.rerank_address or "", model, settings.rerank_api_key)
    if settings.reranker not in _OF_A_MODEL:
        return None
    try:
        return _OF_A_MODEL[settings.reranker](model)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The {settings.reranker} {model!r} cannot be loaded: {error}",
            param="retrieval.rerank_model",
            hint="Name a folder of sentence-transformers, or a model of a hub that this machine reaches.",
        ) from error
