"""How Tandem says that it does not know, how it is recognised in what a model writes, and how readily it is said."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.types import FiniteFloat, NonNegativeInt

from tandem.errors import InvalidRequestError

ABSTENTION = "I don't know."
ABSTAINING = "abstaining"
"""Under which name an adapter's metrics hold an `Abstaining`."""

_ABSTAINS = re.compile(r"^\W*(?:i\s+(?:do\s+not|don['’]?t)\s+know|the\s+passages?\s+do(?:es)?\s+not\b)", re.I)
_MOST = 100.0
"""The largest bias in either direction, in logits: OpenAI's API takes no larger one."""
_SUREST = 0.001
"""How near to 0 and 1 the evidence counts: its odds stay finite."""


@dataclass(frozen=True, slots=True)
class Abstaining:
    """How readily a tuned model says that it does not know.

    It has learnt when to, at the share of such questions that its training set had; this moves it to the share that
    is wanted, and lets the evidence of the passages count too. The bias is added to the logit of the first token of
    "I don't know.", as any OpenAI-compatible engine does by `logit_bias`.
    """

    token: NonNegativeInt
    """That token's number."""
    bias: FiniteFloat
    """In logits, for evidence of one half."""
    evidence: FiniteFloat
    """By how many logits a unit of the evidence's log odds lowers the bias."""

    def bias_for(self, evidence: float) -> float:
        """The bias for a question whose passages hold the answer with the probability `evidence`, in [0, 1]."""
        sure = min(max(evidence, _SUREST), 1 - _SUREST)
        return max(-_MOST, min(_MOST, self.bias - self.evidence * log(sure / (1 - sure))))


_abstaining = TypeAdapter(Abstaining)


def abstains(text: str) -> bool:
    """Whether a sentence, or a text by its first one, says that the answer is not known."""
    return _ABSTAINS.match(text) is not None


def abstaining_of(metrics: Mapping[str, Any]) -> Abstaining | None:
    """What `tandem finetune calibrate` has noted among an adapter's metrics. Raises `InvalidRequestError`."""
    said = metrics.get(ABSTAINING)
    if said is None:
        return None
    try:
        return _abstaining.validate_python(said)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequestError(
            f"metrics.{ABSTAINING} is not what tandem finetune calibrate writes: "
            f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            param="metrics",
        ) from error
