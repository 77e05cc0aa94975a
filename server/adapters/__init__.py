"""Registered adapters at the engine: loaded when they are wanted, held while they are asked, let go after."""

from server.adapters.serving import AdapterStatus, ServedAdapters

__all__ = ["AdapterStatus", "ServedAdapters"]
