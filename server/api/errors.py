"""Every error becomes its HTTP status and body here, and nowhere else."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tandem import errors

_STATUS: dict[type[errors.TandemError], int] = {
    errors.InvalidRequestError: 400,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.TooLargeError: 413,
    errors.UnsupportedDocumentError: 415,
    errors.UnreadableDocumentError: 422,
    errors.RateLimitedError: 429,
    errors.EngineFailedError: 502,
    errors.UnavailableError: 503,
    errors.StorageError: 507,
}
_DEFAULT_RETRY_AFTER_S = 5


def status_of(error: errors.TandemError) -> int:
    """The HTTP status of an error: that of its nearest class in the table, else 500."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def install_error_responses(app: FastAPI) -> None:
    """Answer errors of the tree, of validation and of routing in OpenAI's shape."""

    @app.exception_handler(errors.TandemError)
    async def _tandem(request: Request, error: errors.TandemError) -> JSONResponse:
        services = getattr(request.app.state, "services", None)
        if services is not None:
            services.metrics.failed(error.type)
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        param = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or None
        if first["type"] == "extra_forbidden":
            message = f"{param} is not supported: Tandem would answer as if it were not there"
            return error_response(errors.InvalidRequestError(message, param=param, hint="Leave it out."))
        reason = first["msg"].removeprefix("Value error, ")
        message = f"{param}: {reason}" if param else reason
        return error_response(
            errors.InvalidRequestError(message, param=param, hint="See /docs for what is accepted.")
        )

    @app.exception_handler(HTTPException)
    async def _routing(request: Request, error: HTTPException) -> JSONResponse:
        kind = "not_found_error" if error.status_code == 404 else "invalid_request_error"
        phrase = HTTPStatus(error.status_code).phrase
        message = f"{request.method} {request.url.path}: {phrase}"
        body = {"error": {"type": kind, "message": message, "hint": "See /docs for what there is."}}
        return JSONResponse(body, error.status_code, headers=dict(error.headers or {}))

    @app.exception_handler(500)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        # The traceback is in the server's log, not in the hands of a stranger.
        body = {
            "error": {
                "type": "internal_error",
                "message": "Tandem failed here",
                "hint": "See the server's log.",
            }
        }
        return JSONResponse(body, 500)


def error_response(error: errors.TandemError) -> JSONResponse:
    """The response for one error of the tree, with `Retry-After` where trying again helps."""
    headers: dict[str, str] = {}
    if isinstance(error, errors.RateLimitedError):
        headers |= error.headers
    if isinstance(error, errors.UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.UnavailableError | errors.RateLimitedError):
        headers["Retry-After"] = str(error.retry_after or _DEFAULT_RETRY_AFTER_S)
    return JSONResponse(error.body(), status_of(error), headers=headers)
