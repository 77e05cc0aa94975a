"""How much of the personal data in a small set of our own is found, how much else is, and how long a trace takes.

    python -m bench.redaction

Recall: share of the marked pieces that are wholly taken out, as whatever kind. Precision: share of the finds that
touch a marked piece. Time: of a trace with a question, an answer and four quotes, on one thread.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.machine import machine
from bench.redaction_set import MARKED, PLAIN, read
from tandem.redaction import Redactor, open_redactor, redacted_trace
from tandem.settings import TraceSettings
from tandem.store import Trace

RESULT = Path(__file__).parent / "results" / "redaction.json"
KINDS = ("email", "phone", "iban", "card", "national_id", "ip")
_ROUNDS = 50
_QUOTE = (
    "The gate of the depot closes at seven in the evening, as paragraph 12(3) of the rules of 2019 says. " * 5
)


@dataclass(frozen=True, slots=True)
class Found:
    """Counts over the set."""

    marked: Counter[str]
    taken_out: Counter[str]
    """By the kind of the mark."""
    finds: Counter[str]
    right: Counter[str]
    """By the kind of the find."""

    def recall(self, kind: str | None = None) -> float:
        """Of one kind, or of all."""
        return _share(self.taken_out, self.marked, kind)

    def precision(self, kind: str | None = None) -> float:
        """Of one kind, or of all."""
        return _share(self.right, self.finds, kind)


def count(redactor: Redactor) -> Found:
    """Look through the whole set."""
    found = Found(Counter(), Counter(), Counter(), Counter())
    for sentence in (*MARKED, *PLAIN):
        text, pieces = read(sentence)
        finds = redactor.finds(text)
        for kind, start, end in pieces:
            found.marked[kind] += 1
            covered = {place for find in finds for place in range(find.start, find.end)}
            found.taken_out[kind] += set(range(start, end)) <= covered
        for find in finds:
            found.finds[find.kind] += 1
            found.right[find.kind] += any(find.start < end and start < find.end for _, start, end in pieces)
    return found


def _share(part: Counter[str], whole: Counter[str], kind: str | None) -> float:
    if kind is None:
        return part.total() / whole.total()
    return part[kind] / whole[kind] if whole[kind] else 1.0


def _trace() -> Trace:
    """One of ordinary size."""
    quotes = [{"n": n, "document_id": "d", "quote": _QUOTE} for n in range(1, 5)]
    return Trace(
        id="t",
        tenant="t",
        recipe="rag@1",
        prompt_version="rag@1",
        question=read(MARKED[0])[0],
        corpora=[],
        answer=f"{_QUOTE} [1] {read(MARKED[5])[0]}",
        abstained=False,
        created_at=datetime.now(UTC),
        tokens_in=0,
        tokens_out=0,
        timings={},
        passages=[],
        citations=quotes,
    )


def main() -> None:
    """Measure, print and write the result."""
    begun = time.perf_counter()
    redactor = open_redactor(TraceSettings(redact=KINDS))
    assert redactor is not None
    opened_s = time.perf_counter() - begun
    found = count(redactor)
    times = []
    for number in range(_ROUNDS):
        trace = replace(_trace(), id=str(number))
        begun = time.perf_counter()
        redacted_trace(trace, redactor)
        times.append((time.perf_counter() - begun) * 1000)
    result = {
        "command": "python -m bench.redaction",
        "machine": machine(),
        "sentences": len(MARKED) + len(PLAIN),
        "pieces": found.marked.total(),
        "recall": round(found.recall(), 3),
        "precision": round(found.precision(), 3),
        "by_kind": {
            kind: {
                "pieces": found.marked[kind],
                "recall": round(found.recall(kind), 3),
                "finds": found.finds[kind],
                "precision": round(found.precision(kind), 3),
            }
            for kind in KINDS
        },
        "trace": {"characters": 5 * len(_QUOTE), "ms_median": round(median(times), 1)},
        "opened_s": round(opened_s, 1),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
