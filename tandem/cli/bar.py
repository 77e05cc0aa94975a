"""A line on stderr with what is done, how fast, and the time left."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tandem.cli.output import stderr


class Bar:
    """What is done of all that is known, and how much a second; it goes when the block ends."""

    def __init__(self, title: str, *, hidden: bool, unit: str = "chunks") -> None:
        self._unit = unit
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=stderr,
            transient=True,
            disable=hidden,
        )
        self._task = self._progress.add_task(escape(title), total=None, rate="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def console(self) -> Console:
        """Prints above the line."""
        return self._progress.console

    def move(self, done: int, total: int | None, chunks: int) -> None:
        """So many documents are done, of `total` if that is known; `chunks`, or what the unit says, were written
        since the bar began.
        """
        elapsed = self._progress.tasks[0].elapsed or 0
        rate = f"{chunks / elapsed:.0f} {self._unit}/s" if elapsed > 1 and chunks else ""
        self._progress.update(self._task, completed=done, total=total, rate=rate)
