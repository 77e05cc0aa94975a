"""What makes two eval sets the same, and the id of a case that was given none."""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from eval.case import EvalCase, Turn


def case_fields(case: EvalCase) -> dict[str, Any]:
    """A case as it is written, without what is as by default.

    So that a field which a later Tandem adds changes no hash of a set that does not use it.
    """
    return case.model_dump(mode="json", exclude_defaults=True)


def canonical(case: EvalCase) -> str:
    """A case as one line, whatever the order of its fields and of its tags, which have none."""
    fields = case_fields(case)
    if case.tags:
        fields["tags"] = sorted(set(case.tags))
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def hash_of_cases(cases: Iterable[EvalCase]) -> str:
    """SHA-256, in hex, over the canonical lines by id: the order of the cases does not count."""
    digest = sha256()
    for case in sorted(cases, key=lambda case: case.id):
        digest.update(canonical(case).encode() + b"\n")
    return digest.hexdigest()


def id_of_question(question: str, history: Iterable[Turn] = ()) -> str:
    """An id that the same question has in every set: of its words and what was said before it.

    White space and letter case do not count.
    """
    said = [*(turn.content for turn in history), question]
    folded = "\n".join(" ".join(each.casefold().split()) for each in said)
    return f"q-{sha256(folded.encode()).hexdigest()[:12]}"
