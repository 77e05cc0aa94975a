"""What an engine is doing."""

from enum import StrEnum


class EngineState(StrEnum):
    """What the engine is doing. Only a `READY` one is asked."""

    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"
