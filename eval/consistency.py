"""Whether a recipe says the same when it is asked the same: in other words, and again.

A case is a question with its paraphrases; each is asked several times. Two answers are compared in pairs:
of the same wording (`runs`) and of different ones (`paraphrases`). Of each pair there are

- `cosine`: of the answers' vectors by the embedder, below 0 taken as 0;
- `f1`: of their words (see `token_f1`);
- `citations`: Jaccard index of the sets of documents that they cite; 1 where neither cites any;
- `abstention`: 1 where both abstain or neither does, else 0;
- `score`: the mean of `cosine` and `f1`.

A case's value is the mean over its pairs, as in Elazar et al., Measuring and Improving Consistency in
Pretrained Language Models (TACL 2021), with a similarity in place of their equality, as in Raj et al.,
Measuring Reliability of Large Language Models through Semantic Consistency (2022). The whole is the mean over
the cases, with a bootstrap interval over them. An answer that is always wrong in the same way is consistent:
the score says nothing of being right.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.errors import InvalidRequestError
from tandem.resampling import Estimate, bootstrap_mean

if TYPE_CHECKING:
    from tandem.index import Vector

MEASURES = ("score", "cosine", "f1", "citations", "abstention")
_AT_ONCE = 4
_WORD = re.compile(r"\w+")
_MARK = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Case:
    """A question and its paraphrases, the question first."""

    id: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One answer: its text, the ids of the documents that it cites, and whether it abstained."""

    text: str
    documents: frozenset[str]
    abstained: bool


@dataclass(frozen=True, slots=True)
class Consistency:
    """The estimates by measure. Either is empty where there are no such pairs."""

    cases: int
    answers: int
    paraphrases: dict[str, Estimate]
    runs: dict[str, Estimate]


def read_cases(file: Path) -> list[Case]:
    """The cases of a file of JSON lines: `{"questions": ["...", "..."], "id": "..."}`; the id is optional.

    Raises `InvalidRequestError`, which names the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(
            f"{file} cannot be read: {error}", param="FILE", hint="A file of JSON lines, in UTF-8."
        ) from error
    cases = [_case(file, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not cases:
        raise InvalidRequestError(f"{file} has no cases", param="FILE", hint=_FORM)
    if len({case.id for case in cases}) < len(cases):
        raise InvalidRequestError(f"{file} has two cases of the same id", param="FILE")
    return cases


def measure(
    cases: Sequence[Case],
    ask: Callable[[str], Told],
    embed: "Callable[[list[str]], Vector]",
    runs: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Consistency:
    """Ask every wording `runs` times, a few at once, and compare.

    `embed` gives vectors of length 1 and of shape `(len(texts), dimension)`. Raises what `ask` raises, and
    `InvalidRequestError` where there is nothing to compare.
    """
    if runs < 2 and all(len(case.questions) < 2 for case in cases):
        raise InvalidRequestError(
            "One answer a case cannot be compared",
            param="runs",
            hint="Ask for more runs, or add paraphrases.",
        )
    asked = [question for case in cases for question in case.questions for _ in range(runs)]
    told: list[Told] = []
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        futures = [threads.submit(ask, question) for question in asked]
        try:
            for future in futures:
                told.append(future.result())
                progress(len(told), len(asked))
        finally:
            for future in futures:
                future.cancel()
    vectors = vectors_of(told, embed)

    left = iter(told)
    by_words: list[dict[str, float]] = []
    by_runs: list[dict[str, float]] = []
    for case in cases:
        answers = [[next(left) for _ in range(runs)] for _ in case.questions]
        for pairs, means in ((across_wordings(answers), by_words), (across_runs(answers), by_runs)):
            if pairs:
                means.append(mean_of([compare(a, b, vectors) for a, b in pairs]))
    return Consistency(len(cases), len(told), _estimates(by_words), _estimates(by_runs))


Pair = tuple[Told, Told]


def across_wordings(answers: Sequence[Sequence[Told]]) -> list[Pair]:
    """Every answer to one wording with every one to another; `answers` are those of a case, by its wordings."""
    return [(a, b) for one, two in combinations(answers, 2) for a in one for b in two]


def across_runs(answers: Sequence[Sequence[Told]]) -> list[Pair]:
    """The pairs of answers to the same wording."""
    return [pair for wording in answers for pair in combinations(wording, 2)]


def vectors_of(told: Sequence[Told], embed: "Callable[[list[str]], Vector]") -> "dict[str, Vector]":
    """The vectors of the answers' texts, each text once; what `compare` takes."""
    texts = sorted({_unmarked(one.text) for one in told})
    return dict(zip(texts, embed(texts), strict=True)) if texts else {}


def token_f1(one: str, other: str) -> float:
    """Harmonic mean of precision and recall of words, as sets with counts; without regard to case and marks.

    Rajpurkar et al., SQuAD (2016), but articles count. Two texts without words are alike.
    """
    first, second = (Counter(_WORD.findall(_unmarked(text).casefold())) for text in (one, other))
    total = first.total() + second.total()
    return 1.0 if total == 0 else 2 * (first & second).total() / total


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared over all members; 1 for two empty sets."""
    return len(one & other) / len(one | other) if one | other else 1.0


def compare(one: Told, other: Told, vectors: "dict[str, Vector] | None") -> dict[str, float]:
    """The measures of a pair; without vectors there is neither `cosine` nor `score`."""
    first, second = _unmarked(one.text), _unmarked(other.text)
    f1 = token_f1(first, second)
    plain = {
        "f1": f1,
        "citations": jaccard(one.documents, other.documents),
        "abstention": float(one.abstained == other.abstained),
    }
    if vectors is None:
        return plain
    cosine = 1.0 if first == second else min(1.0, max(0.0, float(vectors[first] @ vectors[second])))
    return {"score": (cosine + f1) / 2, "cosine": cosine} | plain


def mean_of(pairs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each measure the mean over the pairs of a case, of which there is at least one."""
    return {name: sum(pair[name] for pair in pairs) / len(pairs) for name in pairs[0]}


def _estimates(cases: Sequence[dict[str, float]]) -> dict[str, Estimate]:
    return {name: bootstrap_mean([case[name] for case in cases]) for name in MEASURES} if cases else {}


def _unmarked(text: str) -> str:
    """Without the numbers of the citations, which the order of the passages gives."""
    return " ".join(_MARK.sub("", text).split())


_FORM = 'A line is {"questions": ["the question", "the same in other words"]}, with an "id" if you like.'


def _case(file: Path, number: int, line: str) -> Case:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise InvalidRequestError(
            f"{file}, line {number}, is not JSON: {error}", param="FILE", hint=_FORM
        ) from error
    questions = fields.get("questions") if isinstance(fields, dict) else None
    if (
        not isinstance(questions, list)
        or not questions
        or not all(isinstance(each, str) and each.strip() for each in questions)
    ):
        raise InvalidRequestError(
            f"{file}, line {number}, has no list of questions", param="FILE", hint=_FORM
        )
    return Case(str(fields.get("id", number)), tuple(each.strip() for each in questions))
