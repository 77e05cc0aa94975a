"""Which answers are given again."""

from pydantic import Field

from tandem.settings.group import Group


class CacheSettings(Group):
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
