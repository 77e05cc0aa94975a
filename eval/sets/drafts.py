"""Drafts: cases that a model or a trace has brought, and what a person has decided about each.

A draft is a file of JSON lines in the data folder. It is written whole and put in place after every decision,
so whatever happens, no more than the decision under way is lost.
"""

import fcntl
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.case import EvalCase
from eval.sets.checking import check_cases, check_set_name
from eval.sets.hashing import case_fields
from eval.sets.writing import write_whole
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError, StorageError

Decision = Literal["accepted", "edited", "rejected", "unseen"]
"""`unseen`: accepted together with all others, without being looked at."""
TAKEN: tuple[Decision, ...] = ("accepted", "edited", "unseen")


class DraftCase(BaseModel):
    """A case that waits for a person, or was decided on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    case: EvalCase
    reviewed: bool = False
    decision: Decision | None = None
    shown: str = ""
    """What a reviewer needs to see beside it: the text that it was made of, or the answer that was given."""


class DraftHead(BaseModel):
    """The first line of a draft."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    draft: str
    """Name of the set that comes of it."""
    description: str = ""
    author: str = ""
    created_at: datetime
    origin: dict[str, Any] = {}


class Draft:
    """A draft that is open; see `open_draft`."""

    def __init__(self, file: Path, head: DraftHead, cases: Sequence[DraftCase]) -> None:
        self.file, self.head = file, head
        self._cases = {one.case.id: one for one in cases}

    @property
    def cases(self) -> tuple[DraftCase, ...]:
        """All of them, in their order."""
        return tuple(self._cases.values())

    @property
    def waiting(self) -> tuple[DraftCase, ...]:
        """Those that nobody has decided on."""
        return tuple(one for one in self.cases if not one.reviewed)

    @property
    def taken(self) -> tuple[EvalCase, ...]:
        """Those that are to become the set."""
        return tuple(one.case for one in self.cases if one.decision in TAKEN)

    @property
    def counts(self) -> dict[str, int]:
        """How many were decided on, by the decision."""
        return dict(Counter(one.decision for one in self.cases if one.decision is not None))

    def decide(self, case_id: str, decision: Decision, edited: EvalCase | None = None) -> None:
        """Keep a decision; `edited` stands in the case's place. Raises `StorageError`, with nothing decided."""
        self._keep(
            {
                case_id: self._cases[case_id].model_copy(
                    update={
                        "case": edited or self._cases[case_id].case,
                        "reviewed": True,
                        "decision": decision,
                    }
                )
            }
        )

    def accept_all(self) -> int:
        """Accept what waits without looking; how many that were."""
        waiting = self.waiting
        told = {"reviewed": True, "decision": "unseen"}
        self._keep({one.case.id: one.model_copy(update=told) for one in waiting})
        return len(waiting)

    def remove(self) -> None:
        """The draft has become a set, or nothing."""
        self.file.unlink(missing_ok=True)

    def _keep(self, changed: dict[str, DraftCase]) -> None:
        after = self._cases | changed
        _write(self.file, self.head, after.values())
        self._cases = after


class Drafts:
    """The drafts of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "eval" / "drafts"

    def file(self, name: str) -> Path:
        """Where the draft of a name stands. Raises `InvalidRequestError`."""
        check_set_name(name)
        return self._folder / f"{name}.jsonl"

    def names(self) -> list[str]:
        """Of all drafts."""
        return sorted(file.stem for file in self._folder.glob("[a-z0-9]*.jsonl"))

    def check_free(self, name: str) -> None:
        """Raises `ConflictError` where there is a draft of the name."""
        if self.file(name).exists():
            raise ConflictError(
                f"There is a draft {name!r} already",
                param="name",
                hint=f"tandem eval sets review {name}, or remove {self.file(name)}",
            )

    def add(
        self,
        name: str,
        cases: Sequence[tuple[EvalCase, str]],
        *,
        description: str = "",
        author: str = "",
        origin: Mapping[str, Any] | None = None,
    ) -> Path:
        """A new draft of cases, each with what is shown beside it.

        Raises `InvalidRequestError` for a bad name or case, `ConflictError` where the name has a draft.
        """
        self.check_free(name)
        checked = check_cases([case for case, _ in cases])
        head = DraftHead(
            draft=name,
            description=description,
            author=author,
            created_at=datetime.now(UTC),
            origin=dict(origin or {}),
        )
        lines = [DraftCase(case=case, shown=shown) for case, (_, shown) in zip(checked, cases, strict=True)]
        _write(self.file(name), head, lines)
        return self.file(name)

    def read(self, name: str) -> Draft:
        """A draft to look at. Raises `NotFoundError`, and `StorageError` for a file that is no draft."""
        file = self.file(name)
        if not file.exists():
            raise NotFoundError(
                f"There is no draft {name!r}",
                param="name",
                hint=f"Known: {', '.join(self.names())}."
                if self.names()
                else "tandem eval sets generate --help",
            )
        return Draft(file, *_read(file))

    @contextmanager
    def open(self, name: str) -> Iterator[Draft]:
        """A draft to decide on; one process at a time. Raises as `read`, and `ConflictError`."""
        self.read(name)
        with self.file(name).with_name(f".{name}.lock").open("a") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConflictError(
                    f"The draft {name!r} is being reviewed by another process", param="name"
                ) from error
            yield self.read(name)


def _write(file: Path, head: DraftHead, cases: Iterable[DraftCase]) -> None:
    lines = [head.model_dump_json(), *(_line(one) for one in cases)]
    write_whole(file, "\n".join(lines) + "\n")


def _line(one: DraftCase) -> str:
    told = one.model_dump(exclude={"case"}, exclude_none=True)
    return json.dumps({"case": case_fields(one.case)} | told, ensure_ascii=False)


def _read(file: Path) -> tuple[DraftHead, list[DraftCase]]:
    try:
        first, *lines = file.read_text("utf-8").split("\n")
        head = DraftHead.model_validate_json(first)
        cases = [DraftCase.model_validate_json(line) for line in lines if line.strip()]
        check_cases([one.case for one in cases])
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, ValidationError, InvalidRequestError) as error:
        raise StorageError(
            f"{file} is no draft as Tandem writes it: {error}",
            hint="Mend what was changed by hand, or remove it.",
        ) from error
    return head, cases
