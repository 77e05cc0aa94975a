"""What a run is made of, as it is kept: enough to tell whether another run is the same, and to go on with it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from eval.comparison import CurvePoint
from eval.suites.planting import Planting

Kind = Literal["base", "prompted", "rag", "tuned", "hybrid", "other"]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ArmFacts(_Kept):
    """One recipe as it was when the run began, and what it took to have it."""

    name: str
    """As it was named: unlike every other arm of the run."""
    recipe: str
    """`NAME@VERSION`: what is asked, whatever the name comes to mean later."""
    version: str
    kind: Kind
    model: str
    """Name at the engine."""
    weights: str
    """Where the model comes from."""
    adapter: str | None = None
    """`NAME@NUMBER`, where the model is a registered adapter; else its name in the settings."""
    retrieves: bool
    instructions: str = ""
    """Said to the model before each question, as a system message."""
    definition: dict[str, Any] = {}
    """All that shapes its answers, the prompt by name and version."""
    training_s: float | None = None
    ingestion_s: float | None = None
    """Of the corpora that it searches; `None` where jobs do not tell, or nothing is searched."""
    adapter_bytes: int | None = None
    index_bytes: int | None = None
    """Of the corpora's share of the index; `None` where it lies elsewhere."""
    learning_curve: tuple[CurvePoint, ...] = ()


class CorpusFacts(_Kept):
    """A corpus as it was when the run began."""

    name: str
    documents: int
    chunks: int
    version: str
    """Digest of the current versions of its documents."""


class SetFacts(_Kept):
    """The eval set, and which of its cases were drawn."""

    name: str
    number: int
    hash: str
    cases: tuple[str, ...]
    """Ids of what is asked, in their order."""
    of: int
    """Cases of the whole set."""


class RunFacts(_Kept):
    """All that made a run."""

    eval_set: SetFacts
    arms: tuple[ArmFacts, ...]
    corpora: tuple[CorpusFacts, ...]
    """Those that are searched, by name."""
    searched: tuple[str, ...] = ()
    """Corpora that were named; all where none was."""
    without: bool = False
    repeats: int = 0
    paraphrases: bool = False
    planted: tuple[Planting, ...] = ()
    """Variants whose questions were asked once more with a corpus of such documents beside the others."""
    max_tokens: int | None = None
    seed: int | None = None
    """Sent with each question; a repeat has the next one."""
    drawn_with: int | None = None
    """Seed by which the cases were drawn, where they are a sample."""
    at_once: int = 16
    alone: int = 0
    """Of the cases, the last so many were asked arm after arm instead of in turns: see `eval.running.plan`."""
    command: str = ""
    versions: dict[str, str] = {}
    """Of Tandem, Python and the packages that decide a figure."""
    machine: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    """Those of the server that shape answers."""
    checked: tuple[str, ...] = ()
    """Training sets and files whose questions the cases were held against."""
    forced: tuple[str, ...] = ()
    """What was refused and done all the same, such as a leak, for a reader to know."""
