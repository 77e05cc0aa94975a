"""The model that Ragas asks."""

from typing import Literal

from pydantic import Field

from tandem.settings.group import Group


class JudgeSettings(Group):
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
