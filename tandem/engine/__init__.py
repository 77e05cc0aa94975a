"""The engine: vLLM, started and watched by Tandem or reached at an address, and the client that asks it."""

from tandem.engine.chat import ChatDelta, Sampling
from tandem.engine.client import EngineClient
from tandem.engine.launch import engine_address, engine_command, engine_environment
from tandem.engine.likelihood import likelihoods_of_ending
from tandem.engine.replica import Replica
from tandem.engine.router import EngineRouter
from tandem.engine.state import EngineState
from tandem.engine.supervisor import Engine

__all__ = [
    "ChatDelta",
    "Engine",
    "EngineClient",
    "EngineRouter",
    "EngineState",
    "Replica",
    "Sampling",
    "engine_address",
    "engine_command",
    "engine_environment",
    "likelihoods_of_ending",
]
