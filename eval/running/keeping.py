"""Runs in the store: begun, filled reply by reply, ended, found again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from eval.reply import Reply
from eval.running.facts import RunFacts
from tandem.store import EvalRunRow, Store

State = Literal["running", "partial", "finished"]
"""A run that is `running` and has nobody who asks was killed: it is gone on with as a `partial` one is."""


@dataclass(frozen=True, slots=True)
class EvalRun:
    """A run, without its replies."""

    id: str
    state: State
    created_at: datetime
    ended_at: datetime | None
    facts: RunFacts
    replies: int
    """How many are kept."""
    failed: int
    """How many of them are failures."""


class EvalRuns:
    """The runs of a store. Blocking; any thread may call. Raises what the store raises."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, facts: RunFacts) -> EvalRun:
        """A new run, `running`."""
        return _run(self._store.begin_eval_run(facts.eval_set.name, facts.model_dump(mode="json")))

    def add(self, run: str, key: str, reply: Reply) -> bool:
        """Keep a reply; the first of a key stays. Whether it was kept. Raises `NotFoundError` for a deleted run."""
        failed = reply.failure is not None
        return self._store.add_eval_reply(run, key, reply.model_dump(mode="json"), failed=failed)

    def replies(self, run: str) -> dict[str, Reply]:
        """The replies by key."""
        return {key: Reply.model_validate(row) for key, row in self._store.eval_replies(run)}

    def forget_failures(self, run: str) -> int:
        """Remove what failed, so that it is asked again; how many those were."""
        return self._store.remove_failed_eval_replies(run)

    def finish(self, run: str, state: State) -> None:
        """Note how it ended, or that it goes on."""
        self._store.set_eval_run_state(run, state)

    def list(self, set_name: str | None = None, limit: int = 100) -> "list[EvalRun]":
        """Runs, the newest first."""
        return [_run(row) for row in self._store.eval_runs(set_name, limit)]

    def get(self, run: str) -> EvalRun:
        """A run by its id, or by the first letters of it that no other has. Raises `NotFoundError`."""
        return _run(self._store.eval_run(run))

    def delete(self, run: str) -> None:
        """Remove a run and its replies. Raises `NotFoundError`."""
        self._store.delete_eval_run(self.get(run).id)


def in_order(replies: Iterable[Reply]) -> "list[Reply]":
    """The replies in an order that does not depend on when they came."""
    return sorted(replies, key=lambda one: (one.arm, one.case, one.variant, one.part))


def _run(row: EvalRunRow) -> EvalRun:
    return EvalRun(
        id=row.id,
        state=row.state,  # type: ignore[arg-type]  # the table's check knows no other
        created_at=row.created_at,
        ended_at=row.ended_at,
        facts=RunFacts.model_validate(row.facts),
        replies=row.replies,
        failed=row.failed,
    )
