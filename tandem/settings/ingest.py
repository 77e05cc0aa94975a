"""How documents are read, alone or on a cluster."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tandem.settings.group import Group


class IngestSettings(Group):
    """What is accepted, how it is read and cut, and how jobs go on."""

    in_server: bool = Field(
        True,
        description="Do jobs in the server's own process; otherwise they wait for a `tandem worker`.",
    )
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


class RaySettings(Group):
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
