"""What is kept of an answer, for how long, and where it is sent."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from tandem.settings.group import Group

Personal = Literal["email", "phone", "iban", "card", "national_id", "ip", "name"]
AlwaysKept = Literal["abstained", "degraded", "voted", "voted_down"]


class TraceSettings(Group):
    """Traces: how long they are kept, what of them, and where they are sent."""

    keep_days: float = Field(
        90.0, gt=0, description="Days for which a trace is kept, and the words of feedback on it."
    )
    observations_days: float = Field(
        400.0, gt=0, description="Days for which an answer's figures are kept, and the votes on it."
    )
    sample: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of traces that is kept. Figures are kept of every answer.",
    )
    sample_always: tuple[AlwaysKept, ...] = Field(
        ("abstained", "degraded", "voted"),
        description="Traces that sampling leaves where they are, by what came of the answer: `abstained`, "
        "`degraded`, `voted` (on, up or down) and `voted_down`.",
    )
    settle_minutes: float = Field(
        60.0,
        ge=0,
        description="Minutes for which a trace that sampling leaves out waits for a vote; with 0 it is "
        "never written.",
    )
    redact: tuple[Personal, ...] = Field(
        (),
        description="Personal data taken out of questions, answers, quotes and feedback before they are kept "
        "or exported: `email`, `phone`, `iban`, `card`, `national_id`, `ip`, `name`; needs the extra "
        "`redaction`.",
    )
    redact_regions: tuple[str, ...] = Field(
        ("US", "GB", "DE", "FR", "ES", "IT", "IN", "BR"),
        description="Countries, by their two letters, whose ways to write a telephone number without the "
        "country's code are known.",
    )
    redact_names_with: str = Field(
        "en_core_web_sm", description="Package or folder of the spaCy model that finds names of persons."
    )
    otlp_endpoint: str | None = Field(
        None,
        description="Address of an OTLP/HTTP collector, such as http://collector:4318; needs the extra `otlp`.",
    )
    otlp_headers: dict[str, str] = Field(
        default_factory=dict, description="Headers sent to the collector, such as a key."
    )
    otlp_sample: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of answers that is sent; a request whose traceparent says whether it is sampled "
        "decides for itself.",
    )
    otlp_content: bool = Field(
        False, description="Send questions and answers too, redacted as they are where they are kept."
    )
    otlp_queue: int = Field(
        2048,
        ge=1,
        description="Spans that wait for the collector at most; further ones are dropped and counted.",
    )

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_http(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return address

    @model_validator(mode="after")
    def _figures_outlive_words(self) -> Self:
        if self.observations_days < self.keep_days:
            raise ValueError("observations_days must not be less than keep_days")
        return self
