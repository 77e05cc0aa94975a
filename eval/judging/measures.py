"""The measures of Ragas that ask a judge, and what each is given of a case and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from eval.measure import Measure, Need, Stage

Given = Literal["user_input", "response", "reference", "retrieved_contexts"]
"""What Ragas calls the question, the answer, the reference and the passages."""

_AES = "Es et al., RAGAS: Automated Evaluation of Retrieval Augmented Generation (EACL 2024)"
_TWO = "mean of two ratings, by two prompts, as Ragas 0.4 has it from NVIDIA's measures"


@dataclass(frozen=True, slots=True)
class Asking:
    """How Ragas gives the number of a measure."""

    measure: Measure
    given: tuple[Given, ...]
    of: Literal["found", "seen"] = "seen"
    """Whose passages: all that retrieval found, best first, or those that assembly let the model see."""
    of_claims: bool = False
    """Whether it is of what an answer claims: "I don't know" claims nothing, and is passed over."""
    scale: frozenset[int] | None = None
    """Ratings that the judge may give."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the class of Ragas."""

    @property
    def embeds(self) -> bool:
        """Whether it needs the embedder, too."""
        return "embedder" in self.measure.needs


def _measure(
    name: str,
    title: str,
    stage: Stage,
    definition: str,
    ragas: str,
    *needs: Need,
    better: Literal["higher", "lower"] = "higher",
) -> Measure:
    return Measure(name, title, stage, definition, "score", better, frozenset(("judge", *needs)), ragas=ragas)


_ASKINGS = (
    Asking(
        _measure(
            "faithfulness",
            "Faithfulness",
            Stage.GENERATION,
            f"Share of the statements of an answer that follow from the passages in its prompt, by the judge; {_AES}.",
            "Faithfulness",
            "passages",
        ),
        ("user_input", "response", "retrieved_contexts"),
        of_claims=True,
    ),
    Asking(
        _measure(
            "response_groundedness",
            "Groundedness",
            Stage.GENERATION,
            f"How well the passages in its prompt bear an answer, 0, 0.5 or 1: {_TWO}.",
            "ResponseGroundedness",
            "passages",
        ),
        ("response", "retrieved_contexts"),
        of_claims=True,
        scale=frozenset({0, 1, 2}),
    ),
    Asking(
        _measure(
            "answer_relevancy",
            "Answer relevancy",
            Stage.GENERATION,
            "Cosine of the question and questions that the judge makes of the answer, below 0 taken as 0; 0 for an "
            f"answer that commits to nothing; {_AES}.",
            "AnswerRelevancy",
            "embedder",
        ),
        ("user_input", "response"),
    ),
    Asking(
        _measure(
            "factual_correctness",
            "Factual correctness",
            Stage.GENERATION,
            "F1 of the claims of answer and reference that the other bears, by the judge, as Ragas 0.4 has it; of "
            "several references that whose words are most like the answer's.",
            "FactualCorrectness",
            "references",
        ),
        ("response", "reference"),
    ),
    Asking(
        _measure(
            "answer_accuracy",
            "Answer accuracy",
            Stage.GENERATION,
            f"How well an answer agrees with the reference, 0, 0.5 or 1: {_TWO}; of several references that whose "
            "words are most like the answer's.",
            "AnswerAccuracy",
            "references",
        ),
        ("user_input", "response", "reference"),
        scale=frozenset({0, 2, 4}),
    ),
    Asking(
        _measure(
            "noise_sensitivity",
            "Noise sensitivity",
            Stage.ROBUSTNESS,
            "Share of the statements of an answer that are wrong by the reference and yet follow from a passage that "
            "helps, by the judge, as Ragas 0.4 has it.",
            "NoiseSensitivity",
            "references",
            "passages",
            better="lower",
        ),
        ("user_input", "response", "reference", "retrieved_contexts"),
        of_claims=True,
    ),
    Asking(
        _measure(
            "llm_context_precision",
            "Context precision",
            Stage.RETRIEVAL,
            "Mean precision over the ranks of the passages that help to reach the reference, by the judge, as Ragas "
            "0.4 has it.",
            "ContextPrecisionWithReference",
            "references",
            "passages",
        ),
        ("user_input", "reference", "retrieved_contexts"),
        of="found",
    ),
    Asking(
        _measure(
            "llm_context_recall",
            "Context recall",
            Stage.RETRIEVAL,
            "Share of the statements of the reference that the passages bear, by the judge, as Ragas 0.4 has it.",
            "ContextRecall",
            "references",
            "passages",
        ),
        ("user_input", "reference", "retrieved_contexts"),
        of="found",
    ),
    Asking(
        _measure(
            "context_relevance",
            "Context relevance",
            Stage.RETRIEVAL,
            f"How much of what the question needs is in the passages, 0, 0.5 or 1: {_TWO}.",
            "ContextRelevance",
            "passages",
        ),
        ("user_input", "retrieved_contexts"),
        of="found",
        scale=frozenset({0, 1, 2}),
    ),
)

ASKINGS: Mapping[str, Asking] = {one.measure.name: one for one in _ASKINGS}
LLM_MEASURES: dict[str, Measure] = {one.measure.name: one.measure for one in _ASKINGS}
"""By name. Each is the number of the class of Ragas that it names, on the same row with the same judge."""
