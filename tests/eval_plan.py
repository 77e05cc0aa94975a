"""A plan of two arms over eight questions."""

from eval.case import EvalCase
from eval.running import ArmFacts, Plan, RunFacts, SetFacts


def arm(name: str, *, retrieves: bool, instructions: str = "") -> ArmFacts:
    return ArmFacts(
        name=name,
        recipe=f"{name}@{name}00000000",
        version=f"{name}00000000",
        kind="rag" if retrieves else "base",
        model="base",
        weights="w",
        retrieves=retrieves,
        instructions=instructions,
    )


CASES = tuple(
    EvalCase(
        id=f"q{n}",
        question=f"Question {n}?",
        references=("an answer",),
        documents=(f"d{n}.md",) if n % 2 else (),
        paraphrases=(f"Asked otherwise {n}?",) if n == 1 else (),
    )
    for n in range(8)
)
BASE, RAG = arm("base", retrieves=False, instructions="Say yes or no."), arm("rag", retrieves=True)


def plan(**facts: object) -> Plan:
    of = SetFacts(name="s", number=1, hash="h", cases=tuple(one.id for one in CASES), of=len(CASES))
    return Plan(RunFacts(eval_set=of, arms=(BASE, RAG), corpora=(), **facts), CASES)
