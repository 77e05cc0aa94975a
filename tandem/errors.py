"""The one tree of errors.

A class says what kind of fault it is; an instance adds what happened, what to do, and which parameter
is meant. `server.api.errors` turns a class into an HTTP status, `tandem.cli` into an exit code; nothing
else decides either.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class TandemError(Exception):
    """Base of every fault that Tandem explains to its user.

    `type` is for machines, `message` says what is wrong, `hint` what to do about it, and `param` names
    the field, flag or setting at fault. `retry_after` is in seconds.
    """

    type: ClassVar[str] = "tandem_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.param = param
        self.retry_after = retry_after

    def body(self) -> dict[str, dict[str, str]]:
        """The error in OpenAI's shape: `{"error": {"type", "message", "param"?, "hint"?}}`."""
        fields = {"type": self.type, "message": self.message, "param": self.param, "hint": self.hint}
        return {"error": {name: value for name, value in fields.items() if value is not None}}


class InvalidRequestError(TandemError):
    """The request says something that cannot be done as asked."""

    type = "invalid_request_error"


class InvalidPromptError(InvalidRequestError):
    """A prompt is no template, names what does not exist, or asks for too much."""

    type = "invalid_prompt_error"


class TooFewExamplesError(InvalidRequestError):
    """What is to be learnt from is too little to learn anything from."""

    type = "too_few_examples_error"


class LeakError(InvalidRequestError):
    """What is to be learnt from is in an eval set, too."""

    type = "leak_error"


class UnauthenticatedError(TandemError):
    """The request names no key or token, or one that does not hold."""

    type = "authentication_error"


class ForbiddenError(TandemError):
    """The key or token holds, but does not allow this."""

    type = "permission_error"


class RateLimitedError(TandemError):
    """The key or its tenant has asked for more than it may in this time; `retry_after` says when again."""

    type = "rate_limit_error"
    headers: Mapping[str, str] = MappingProxyType({})
    """How the limits stand, as OpenAI's clients read it."""


class SettingsError(TandemError):
    """A setting is unknown, missing or wrong."""

    type = "settings_error"


class NotFoundError(TandemError):
    """The named corpus, document, recipe or trace does not exist for this caller."""

    type = "not_found_error"


class TooLargeError(TandemError):
    """An upload or a question is over its limit."""

    type = "too_large_error"


class QuotaError(TooLargeError):
    """The tenant's corpora are as large as they may be."""

    type = "quota_error"


class UnsupportedDocumentError(TandemError):
    """The file's type, judged by its content, is not one that Tandem reads."""

    type = "unsupported_document_error"


class UnreadableDocumentError(TandemError):
    """The file is of a known type but holds no text that can be read."""

    type = "unreadable_document_error"


class ConflictError(TandemError):
    """Something else holds what is needed: an index, a port, another embedder's vectors."""

    type = "conflict_error"


class IndexOwnedError(ConflictError):
    """Another process has the embedded index open."""

    type = "index_owned_error"


class EmbedderMismatchError(ConflictError):
    """The collection was built by another embedder, so its vectors mean something else."""

    type = "embedder_mismatch_error"


class StorageError(TandemError):
    """The disk refuses: full, read-only or broken."""

    type = "storage_error"


class ModelSourceError(TandemError):
    """A model's source cannot be found or is not what its hash says."""

    type = "model_source_error"


class UnavailableError(TandemError):
    """A part that is needed is not there now; the same request may succeed later."""

    type = "unavailable_error"


class EngineUnavailableError(UnavailableError):
    """The engine is starting, restarting or down. `reason` is one word for why, of few."""

    type = "engine_unavailable_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        reason: str = "down",
    ) -> None:
        super().__init__(message, hint=hint, param=param, retry_after=retry_after)
        self.reason = reason


class ServerDrainingError(UnavailableError):
    """The server stops, and what was asked of it has not ended in time."""

    type = "server_draining_error"


class OverloadedError(EngineUnavailableError):
    """More questions wait for the engine than may; the engine itself is well."""

    type = "overloaded_error"


class EngineFailedError(TandemError):
    """The engine answered with a fault or broke off in the middle of an answer."""

    type = "engine_failed_error"


class EngineBrokeOffError(EngineFailedError):
    """The engine was lost in the middle of an answer, as by its death; another try may come to its end."""


class TrainingFailedError(TandemError):
    """A training cannot go on: its weights are lost, or memory is too small for it."""

    type = "training_failed_error"
