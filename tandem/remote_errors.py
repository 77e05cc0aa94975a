"""Errors that a Tandem server sends, as the errors that they were."""

import json

from tandem import errors
from tandem.errors import TandemError, UnavailableError


def error_of(body: bytes) -> TandemError:
    """The error in a response's body or a stream's event."""
    try:
        fields = json.loads(body)["error"]
        kind, message = fields["type"], fields["message"]
    except (ValueError, KeyError, TypeError):
        return UnavailableError(
            "The server's answer is not one of Tandem's", hint="Is another program on its port?"
        )
    return _class_of(kind)(message, hint=fields.get("hint"), param=fields.get("param"))


def _class_of(kind: str) -> type[TandemError]:
    classes = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, TandemError)
    ]
    return next((one for one in classes if one.type == kind), TandemError)
