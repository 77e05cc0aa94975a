"""What an eval set shares with questions that something was trained on: a measure of it there proves nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.case import EvalCase
from finetune.dataset.folder import TRAIN, VALIDATION
from finetune.dataset.leaks import read_eval_set
from finetune.dataset.likeness import AskedBefore
from tandem.errors import InvalidRequestError, LeakError
from tandem.vocabulary import Caller, document_id


@dataclass(frozen=True, slots=True)
class AskedElsewhere:
    """The questions of a training set or of another eval set, and the documents that they are about."""

    name: str
    questions: tuple[str, ...]
    documents: tuple[str, ...] = ()
    """Ids or addresses."""


@dataclass(frozen=True, slots=True)
class CaseLeaks:
    """The cases that leak, by their ids; a case may be in more than one of the three."""

    source: str
    cases: int
    """How many were looked at."""
    same: dict[str, str]
    """The same question, with the other's wording."""
    near: dict[str, str]
    """Nearly the same one."""
    documents: dict[str, str]
    """A question about the same document."""

    @property
    def leaking(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.same, *self.near, *self.documents))

    def __bool__(self) -> bool:
        return bool(self.leaking)

    def told(self) -> str:
        """For people."""
        return (
            f"{len(self.leaking)} of {self.cases} cases leak into {self.source}: {len(self.same)} are the same "
            f"question, {len(self.near)} nearly the same, {len(self.documents)} about the same document"
        )


def leaks_between(
    cases: Sequence[EvalCase], other: AskedElsewhere, corpora: Sequence[str] = (), *, documents: bool = True
) -> CaseLeaks:
    """What the cases share with the other's questions; a paraphrase counts as its question does.

    A document that one side names by its address and the other by its id is the same where it is of one of
    the `corpora`. With `documents` false, a shared document is no leak.
    """
    asked = AskedBefore()
    for text in other.questions:
        asked.add(text)
    theirs = {number: name for name in other.documents for number in _ids(name, corpora)} if documents else {}
    same: dict[str, str] = {}
    near: dict[str, str] = {}
    shared: dict[str, str] = {}
    for case in cases:
        wordings = (case.question, *case.paraphrases)
        if found := next(filter(None, map(asked.same, wordings)), None):
            same[case.id] = found
        elif found := next(filter(None, map(asked.near, wordings)), None):
            near[case.id] = found
        if name := next((name for name in case.documents if _ids(name, corpora) & theirs.keys()), None):
            shared[case.id] = name
    return CaseLeaks(other.name, len(cases), same, near, shared)


def marked_leaks(leaks: Iterable[CaseLeaks], *, force: bool) -> tuple[str, ...]:
    """What a run on leaking cases is marked with; nothing where none leaks. Raises `LeakError` unless forced."""
    told = tuple(one.told() for one in leaks if one)
    if told and not force:
        raise LeakError(
            "; ".join(told),
            param="set",
            hint="What was learnt by heart is not measured. Take other cases; --force runs on these all the same, "
            "and marks the run.",
        )
    return told


def asked_elsewhere(path: Path) -> AskedElsewhere:
    """Of a training set's folder, or of a file of JSON lines with `question`. Raises `InvalidRequestError`."""
    if not path.is_dir():
        return _of_files(str(path), [path])
    files = [path / name for name in (TRAIN, VALIDATION) if _says_something(path / name)]
    if not files:
        raise InvalidRequestError(
            f"{path} is no training set: it has no {TRAIN}",
            param="against",
            hint="Name the folder that `tandem finetune dataset` wrote, or a file of questions.",
        )
    return _of_files(str(path), files)


def asked_by_cases(name: str, cases: Iterable[EvalCase]) -> AskedElsewhere:
    """Of the cases of another set."""
    questions: list[str] = []
    documents: list[str] = []
    for case in cases:
        questions += (case.question, *case.paraphrases)
        documents += case.documents
    return AskedElsewhere(name, tuple(questions), tuple(dict.fromkeys(documents)))


def _of_files(name: str, files: Iterable[Path]) -> AskedElsewhere:
    read = [read_eval_set(file) for file in files]
    return AskedElsewhere(
        name,
        tuple(dict.fromkeys(text for one in read for text in one.questions)),
        tuple(dict.fromkeys(document for one in read for document in one.documents)),
    )


def _says_something(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _ids(name: str, corpora: Sequence[str]) -> frozenset[str]:
    def known() -> Iterator[str]:
        yield name
        for corpus in corpora:
            yield document_id(Caller().tenant, corpus, name)

    return frozenset(known())
