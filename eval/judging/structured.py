"""A model behind an address that answers in forms, as Ragas takes it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import openai

from eval.judging.untracked import untracked
from tandem.settings import JudgeSettings

if TYPE_CHECKING:
    from ragas.llms.base import InstructorBaseRagasLLM

_CONNECT_S = 10.0


def client_of(address: str, api_key: str | None, settings: JudgeSettings) -> openai.AsyncOpenAI:
    """A client that knows this address only: no key and no proxy of the environment, and no tries of its own."""
    return openai.AsyncOpenAI(
        base_url=address,
        api_key=api_key or "none",
        organization="",
        project="",
        max_retries=0,
        timeout=openai.Timeout(settings.timeout_s, connect=min(_CONNECT_S, settings.timeout_s)),
        http_client=openai.DefaultAsyncHttpxClient(
            trust_env=settings.proxies, limits=_limits(settings.at_once), follow_redirects=False
        ),
    )


def _limits(at_once: int) -> httpx.Limits:
    return httpx.Limits(max_connections=at_once + 1, max_keepalive_connections=at_once + 1)


def structured_llm(
    client: openai.AsyncOpenAI,
    model: str,
    settings: JudgeSettings,
    seed: int,
    answered: Callable[[Any], None],
) -> "InstructorBaseRagasLLM":
    """Ragas's own way to a structured reply, held to the schema by the server.

    Ragas's `llm_factory` asks for JSON of any form (`json_object`), which vLLM obeys by writing any JSON: its
    `InstructorLLM` is made here with a client that sends the schema. `answered` is called with each reply as it
    came, also with one that is asked anew since it is not of the form.
    """
    untracked()
    import instructor
    from ragas.llms.base import InstructorLLM, InstructorModelArgs

    by_schema = settings.structure == "json_schema"
    mode = instructor.Mode.JSON_SCHEMA if by_schema else instructor.Mode.JSON
    held = instructor.from_openai(client, mode=mode)
    held.on("completion:response", answered)
    arguments = InstructorModelArgs(
        temperature=settings.temperature, top_p=1.0, max_tokens=settings.answer_tokens
    )
    return InstructorLLM(
        client=held,
        model=model,
        provider="openai",
        model_args=arguments,
        seed=seed,
        max_retries=settings.corrections,
    )
