"""What one measure of Ragas asks about one case, and what became of it. Imports Ragas."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from eval.judging.faults import JudgeError
from eval.judging.untracked import untracked
from tandem.errors import TandemError

untracked()

from ragas.embeddings.base import BaseRagasEmbedding  # noqa: E402
from ragas.llms.base import InstructorBaseRagasLLM  # noqa: E402

if TYPE_CHECKING:
    from eval.judging.judge import Judge
    from tandem.embedding import Embedder

T = TypeVar("T", bound=BaseModel)


class CaseJudge(InstructorBaseRagasLLM):
    """The judge as Ragas takes it, for one measure of one case.

    Ragas's measures that ask for a rating twice swallow every fault and go on with the rating that is left. Here
    each prompt that was left without a reply, or with a rating that is none, stays known: such a number is not
    taken for a whole one.
    """

    def __init__(self, judge: "Judge", scale: frozenset[int] | None = None, occasion: str = "") -> None:
        self._judge, self._scale, self._occasion = judge, scale, occasion
        self._asked: Counter[str] = Counter()
        self._faults: dict[str, JudgeError] = {}
        self.broken: TandemError | None = None
        """What is wrong with Tandem rather than the judge, such as a full disk: Ragas may have swallowed it."""

    @property
    def fault(self) -> JudgeError | None:
        """The first of what was left without a reply."""
        return next(iter(self._faults.values()), None)

    async def agenerate(self, prompt: str, response_model: type[T]) -> T:
        """The judge's reply. Raises `JudgeError`; at once for a prompt that has failed before."""
        known = self._faults.get(prompt)
        if known is not None and known.kind != "not of the form":
            raise known
        nth = self._asked[prompt]
        self._asked[prompt] += 1
        try:
            reply = await self._judge.ask(prompt, response_model, nth, self._occasion)
        except JudgeError as fault:
            self._faults[prompt] = fault
            raise
        except TandemError as error:
            self.broken = error
            raise
        rating = getattr(reply, "rating", None)
        if self._scale is not None and rating not in self._scale:
            self._faults[prompt] = JudgeError("not of the form", f"rating {rating} of {sorted(self._scale)}")
        else:
            self._faults.pop(prompt, None)
        return reply

    def generate(self, prompt: str, response_model: type[T]) -> T:
        """Not there: the measures ask asynchronously."""
        raise NotImplementedError("the judge is asked asynchronously")


class TandemEmbedding(BaseRagasEmbedding):
    """Tandem's embedder as Ragas takes it: both sides are questions, so both are embedded as such."""

    def __init__(self, embedder: "Embedder") -> None:
        super().__init__()
        self._embedder = embedder

    async def aembed_text(self, text: str, **options: Any) -> list[float]:
        """Vector of length 1."""
        return [float(value) for value in await self._embedder.embed_query(text)]

    async def aembed_texts(self, texts: Sequence[str], **options: Any) -> list[list[float]]:
        """One vector a text, in their order."""
        return [await self.aembed_text(text) for text in texts]

    def embed_text(self, text: str, **options: Any) -> list[float]:
        """Not there: see `aembed_text`."""
        raise NotImplementedError("texts are embedded asynchronously")
