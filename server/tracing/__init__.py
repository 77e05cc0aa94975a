"""What is kept of answers beside the answering: traces, signed ids for votes, spans for a collector."""

from server.tracing.parts import Tracing, close_tracing, open_tracing

__all__ = ["Tracing", "close_tracing", "open_tracing"]
