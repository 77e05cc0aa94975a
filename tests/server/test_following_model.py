"""A server that starts before the engine has fetched its model, as in a new cluster."""

import asyncio
from pathlib import Path

from app_client import app_client
from fake_vllm import FakeVllm
from model_tokens import default_tokenizer


async def test_a_server_counts_by_the_models_tokenizer_once_its_folder_is_filled(tmp_path: Path) -> None:
    serving = tmp_path / "serving"
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path / "data", documents=False, tokenizer=serving) as client:
            tokens = client.services.tokens
            assert not tokens.exact
            serving.symlink_to(default_tokenizer())
            async with asyncio.timeout(15):
                while not tokens.exact:
                    await asyncio.sleep(0.05)
            body = {"model": "tandem:base", "messages": [{"role": "user", "content": "When?"}]}
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 200
