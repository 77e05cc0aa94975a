"""How much one key, and one tenant, may ask for, and how many questions the engine gets at a time."""

from pydantic import Field

from tandem.settings.group import Group


class TenantLimits(Group):
    """What one tenant may do in place of what all may; what is left out stays as it is for all."""

    requests_per_minute: int | None = Field(None, ge=1, description="Requests a minute of all its keys.")
    tokens_per_minute: int | None = Field(None, ge=1, description="Tokens a minute of all its keys.")
    concurrent: int | None = Field(None, ge=1, description="Questions of all its keys at a time.")
    documents: int | None = Field(None, ge=0, description="Documents of all its corpora.")
    text_mb: float | None = Field(None, ge=0, description="Text of all its corpora, in million characters.")
    weight: float = Field(1.0, gt=0, le=100, description="Its share of a busy engine, beside 1 of others.")


class LimitSettings(Group):
    """Limits, and the queue before the engine."""

    requests_per_minute: int = Field(6_000, ge=1, description="Requests a minute of one key.")
    tokens_per_minute: int = Field(
        10_000_000,
        ge=1,
        description="Tokens a minute of one key, of prompts and answers. Before a question is answered, the most that "
        "it may take is counted; after, what it took.",
    )
    concurrent: int = Field(256, ge=1, description="Questions of one key that are answered at a time.")
    tenant_requests_per_minute: int = Field(30_000, ge=1, description="Requests a minute of one tenant.")
    tenant_tokens_per_minute: int = Field(50_000_000, ge=1, description="Tokens a minute of one tenant.")
    tenant_concurrent: int = Field(
        1_024, ge=1, description="Questions of one tenant that are answered at a time."
    )
    documents: int = Field(1_000_000, ge=0, description="Most documents of one tenant.")
    text_mb: float = Field(
        20_000.0, ge=0, description="Most text of one tenant's documents, in million characters."
    )
    tenants: dict[str, TenantLimits] = Field(
        default_factory=dict,
        description="Other limits for some tenants: `limits.tenants.NAME.requests_per_minute`, and likewise "
        "`tokens_per_minute`, `concurrent`, `documents`, `text_mb`; `weight` is a tenant's share of a busy engine.",
    )
    storage: str = Field(
        "memory",
        description="Where requests and tokens are counted: `memory` counts for each server by itself; an address as "
        "the package `limits` takes it, such as `redis://10.0.0.1:6379`, for all servers together.",
    )
    running: int | None = Field(
        None,
        ge=1,
        description="Most questions at the engine at a time; without it, the `--max-num-seqs` of "
        "`engine.extra_args`, or else 256, which is vLLM's own.",
    )
    queue: int = Field(
        256, ge=0, description="Most questions that wait for the engine at a time; more are refused at once."
    )
    searching: int = Field(
        16,
        ge=1,
        description="Most questions that are searched for at a time, fair between tenants; more where embedder, reranker "
        "or index are other machines that take long to answer. Up to 64 of those that wait are embedded meanwhile.",
    )
    longest_wait_s: float = Field(
        30.0, gt=0, description="Longest wait for the engine; then a question is refused."
    )
    conversation_chars: int = Field(
        400_000, ge=1, description="Longest conversation accepted, with its system messages, in characters."
    )
    slow_reader_s: float = Field(
        30.0,
        gt=0,
        description="A connection is cut whose client takes nothing for so long while there is more.",
    )
    slow_sender_s: float = Field(
        20.0,
        gt=0,
        description="A connection is cut whose request has not come whole in this time; each KiB that came gives a "
        "second more.",
    )
