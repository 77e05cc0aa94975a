"""A trace context goes on to the engine only if it is one."""

import pytest

from server.tracing.traceparent import passed_on

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_context_goes_on_as_it_came() -> None:
    headers = {"traceparent": PARENT, "tracestate": "vendor=opaque"}
    assert passed_on(headers) == headers
    assert passed_on({"traceparent": PARENT}) == {"traceparent": PARENT}


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00-0-0-01",
        PARENT.upper(),
        PARENT.replace("00-", "ff-", 1),
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        PARENT + "\r\nx: y",
        PARENT + "-" + "x" * 300,
    ],
)
def test_what_is_no_context_goes_nowhere(parent: str) -> None:
    assert passed_on({"traceparent": parent, "tracestate": "a=b"}) == {}


def test_a_state_that_is_none_is_left_out() -> None:
    assert passed_on({"traceparent": PARENT, "tracestate": "\x00"}) == {"traceparent": PARENT}
