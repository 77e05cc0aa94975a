"""What is to be asked: every question of a run, in the order in which it is put."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from pydantic import BaseModel, ConfigDict

from eval.case import EvalCase, Turn
from eval.reply import Reply, Variant
from eval.running.facts import ArmFacts, RunFacts
from eval.suites.planting import planted_corpus

_LATER: tuple[Variant, ...] = ("without", "paraphrase", "repeat", "noise", "counterfactual")


class Asking(BaseModel):
    """One question to one arm."""

    model_config = ConfigDict(frozen=True)
    arm: str
    recipe: str
    """`NAME@VERSION`."""
    recipe_version: str
    case: str
    variant: Variant = "asked"
    part: int = 0
    question: str
    history: tuple[Turn, ...] = ()
    without: tuple[str, ...] = ()
    """Documents, by id or address, that are searched as if they were not there."""
    corpora: tuple[str, ...] = ()
    instructions: str = ""
    max_tokens: int | None = None
    seed: int | None = None

    @property
    def key(self) -> str:
        """The same for the same asking, in hex."""
        return sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's questions. `cases` are those that `facts` names, in the same order."""

    facts: RunFacts
    cases: tuple[EvalCase, ...]

    def groups(self) -> list[list[Asking]]:
        """The askings; those of a group are under way together, and a group begins when the one before has ended.

        In the first group the arms take turns question by question, and begin with another each time, so that none
        has a quieter machine than the others. Then each arm has a group of its own with the last `facts.alone`
        cases: only there its throughput and its cost are its own, as an arm with short prompts that is asked beside
        one with long prompts waits for those.
        """
        turns = len(self.cases) - self.facts.alone
        together = list(self._in_turns(self.cases[:turns], ("asked",)))
        together += self._in_turns(self.cases, _LATER)
        by_arm = [
            [one for case in self.cases[turns:] for one in self._of(case, arm, ("asked",))]
            for arm in self.facts.arms
        ]
        return [group for group in (together, *by_arm) if group]

    def askings(self) -> list[Asking]:
        """All of them."""
        return [one for group in self.groups() for one in group]

    def copies(self, replies: Sequence[Reply]) -> list[Reply]:
        """Replies that need not be asked for: what retrieves nothing answers alike, whatever is left out."""
        if not self.facts.without:
            return []
        closed = {arm.name for arm in self.facts.arms if not arm.retrieves}
        cases = {case.id for case in self.cases if _is_asked_without(case)}
        return [
            reply.model_copy(update={"variant": "without"})
            for reply in replies
            if reply.variant == "asked" and reply.arm in closed and reply.case in cases
        ]

    def _in_turns(self, cases: Sequence[EvalCase], variants: Sequence[Variant]) -> Iterator[Asking]:
        arms = self.facts.arms
        for number, case in enumerate(cases):
            first = number % len(arms)
            for arm in (*arms[first:], *arms[:first]):
                yield from self._of(case, arm, variants)

    def _of(self, case: EvalCase, arm: ArmFacts, variants: Sequence[Variant]) -> Iterator[Asking]:
        facts = self.facts
        plain = Asking(
            arm=arm.name,
            recipe=arm.recipe,
            recipe_version=arm.version,
            case=case.id,
            question=case.question,
            history=case.history,
            corpora=facts.searched,
            instructions=arm.instructions,
            max_tokens=facts.max_tokens,
            seed=facts.seed,
        )
        if "asked" in variants:
            yield plain
        if "without" in variants and facts.without and arm.retrieves and _is_asked_without(case):
            yield plain.model_copy(update={"variant": "without", "without": case.documents})
        if "paraphrase" in variants and facts.paraphrases:
            for part, words in enumerate(case.paraphrases):
                yield plain.model_copy(update={"variant": "paraphrase", "part": part, "question": words})
        for variant in facts.planted:
            # Of what retrieves nothing the answer is known: nothing of it reaches the prompt.
            if variant in variants and arm.retrieves and _can_do_without(case):
                beside = tuple(planted_corpus(name, variant) for name in facts.searched)
                more = {"variant": variant, "corpora": (*facts.searched, *beside)}
                yield plain.model_copy(update=more)
        if "repeat" in variants:
            for part in range(facts.repeats):
                seed = None if facts.seed is None else facts.seed + part + 1
                yield plain.model_copy(update={"variant": "repeat", "part": part, "seed": seed})


def _can_do_without(case: EvalCase) -> bool:
    return case.answerable and bool(case.documents)


def _is_asked_without(case: EvalCase) -> bool:
    """What another document answers, too, tells nothing of "I don't know"."""
    return _can_do_without(case) and not case.elsewhere
