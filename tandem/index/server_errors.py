"""What goes wrong with a Qdrant server, as errors that say what to do: over HTTP and over gRPC the same."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from tandem.errors import UnavailableError

_REFUSED = (401, 403)
_REFUSED_GRPC = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


@contextmanager
def out_of_reach() -> Iterator[None]:
    """Raises `UnavailableError` in place of every error of the client that is the server's or the network's."""
    try:
        yield
    except ResourceExhaustedResponse as error:
        raise UnavailableError(
            f"The Qdrant server takes no more requests now: {error}",
            hint="Its collection has a rate limit (strict mode); raise it there or ask less.",
            retry_after=error.retry_after_s,
        ) from error
    except (ResponseHandlingException, ApiException, grpc.RpcError) as error:
        if _is_refusal(error):
            raise UnavailableError(
                "The Qdrant server refuses the key",
                hint="Set index.api_key to a key of that server that may read and write.",
                param="index.api_key",
                retry_after=5,
            ) from error
        raise UnavailableError(
            f"The Qdrant server does not serve: {_said(error)}",
            hint="Check index.url, index.api_key and the server's log.",
            retry_after=5,
        ) from error


def _is_refusal(error: Exception) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _REFUSED
    return isinstance(error, grpc.aio.AioRpcError) and error.code() in _REFUSED_GRPC


def _said(error: Exception) -> str:
    """In one line: an error of gRPC otherwise says what its library was doing, over many."""
    return (error.details() or error.code().name) if isinstance(error, grpc.aio.AioRpcError) else str(error)
