"""The W3C trace context of the question that is being answered, which the engine's spans join."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

trace_headers: ContextVar[Mapping[str, str]] = ContextVar("trace_headers", default=MappingProxyType({}))
"""`traceparent`, and `tracestate` where there is one; sent with every chat of this task and those it starts."""
