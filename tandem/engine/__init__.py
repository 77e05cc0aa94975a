"""The engine: vLLM, started and watched by Tandem or reached at an address, and the client that asks it."""

from tandem.engine.chat import ChatDelta, Sampling
from tandem.engine.client import EngineClient
from tandem.engine.launch import engine_address, engine_command, engine_environment
from tandem.engine.supervisor import Engine, EngineState

__all__ = [
    "ChatDelta",
    "Engine",
    "EngineClient",
    "EngineState",
    "Sampling",
    "engine_address",
    "engine_command",
    "engine_environment",
]
