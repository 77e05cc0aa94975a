"""The real vLLM behind the real client: adapters, cancellation, and what a stop leaves."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from tandem.engine import EngineClient, Sampling, likelihoods_of_ending
from tandem.errors import TandemError
from tandem.settings import EngineSettings

ASK = [{"role": "user", "content": "Tell a long story about a lighthouse."}]


@pytest.fixture(scope="module")
def adapter(tandem, tmp_path_factory) -> Path:
    """A small LoRA adapter whose weights are not zero, so that it changes what is said."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model_dir = next(Path(tandem.environment["TANDEM_DATA_DIR"]).glob("models/*/config.json")).parent
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.bfloat16)
    model = get_peft_model(base, LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.5)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return folder


async def _say(client: EngineClient, model: str) -> str:
    return "".join([delta.text async for delta in client.chat(ASK, model, Sampling(max_tokens=24))])


async def test_an_adapter_is_loaded_serves_and_is_unloaded_while_the_engine_runs(
    tandem, adapter: Path
) -> None:
    client = EngineClient(tandem.engine_url, EngineSettings())
    try:
        before = await _say(client, "base")
        await client.load_adapter("tiny", adapter)
        assert "tiny" in await client.adapters()
        assert await _say(client, "tiny") != before
        assert await _say(client, "base") == before
        await client.unload_adapter("tiny")
        assert "tiny" not in await client.adapters()
        with pytest.raises(TandemError):
            await _say(client, "tiny")
    finally:
        await client.close()


async def test_a_question_is_likelier_after_the_passage_that_answers_it(tandem) -> None:
    client = EngineClient(tandem.engine_url, EngineSettings())
    question = "Question: How often is the lantern of the old lighthouse cleaned?"
    passages = (
        "The lantern of the old lighthouse is cleaned every Monday.",
        "Trains from Graz leave at seven.",
    )
    try:
        prompts = [f"{text}\n\n{question}" for text in passages]
        near, far = await client.expected(prompts, "base", cache_salt="a tenant")
        assert [token for token, _ in near[-8:]] == [token for token, _ in far[-8:]]
        after_near, after_far = map(sum, zip(*likelihoods_of_ending(near, far), strict=True))
        assert after_far < after_near < 0
        assert near == (await client.expected(prompts[:1], "base"))[0]
    finally:
        await client.close()


async def _running(http: httpx.AsyncClient) -> float:
    page = (await http.get("/metrics")).text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in page.splitlines()
        if line.startswith("vllm:num_requests_running{")
    )


async def _idle(http: httpx.AsyncClient) -> bool:
    for _ in range(100):
        if await _running(http) == 0:
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_goes_away_stops_the_engine(tandem, stream: bool) -> None:
    body = {"model": "tandem:base", "messages": ASK, "max_tokens": 3_000, "stream": stream}
    async with httpx.AsyncClient(base_url=tandem.engine_url, trust_env=False) as engine:
        assert await _idle(engine)

        async def go() -> None:
            async with httpx.AsyncClient(base_url=tandem.url, timeout=120, trust_env=False) as http:
                await http.post("/v1/chat/completions", json=body)

        asked = asyncio.create_task(go())
        while await _running(engine) == 0:
            assert not asked.done()
            await asyncio.sleep(0.05)
        asked.cancel()
        assert await _idle(engine)


async def test_closing_the_stream_stops_the_engine(tandem) -> None:
    client = EngineClient(tandem.engine_url, EngineSettings())
    try:
        async with aclosing(client.chat(ASK, "base", Sampling(max_tokens=3_000))) as deltas:
            await anext(deltas)
        async with httpx.AsyncClient(base_url=tandem.engine_url, trust_env=False) as engine:
            assert await _idle(engine)
    finally:
        await client.close()
