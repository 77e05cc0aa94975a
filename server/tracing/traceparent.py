"""W3C Trace Context, where Tandem makes no spans of its own: what comes in goes on to the engine.

https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Mapping

_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?"
)
_STATE = re.compile(r"[\x20-\x7e\t]{1,512}")


def passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    """The trace context of a request as headers; empty where there is none, or none that holds."""
    parent = headers.get("traceparent", "").strip()
    if len(parent) > 256 or not _PARENT.fullmatch(parent):
        return {}
    state = headers.get("tracestate", "").strip()
    return {"traceparent": parent} | ({"tracestate": state} if _STATE.fullmatch(state) else {})
