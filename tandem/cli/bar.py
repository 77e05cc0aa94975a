"""A line on stderr with what is done, how fast, and the time left."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tandem.cli.output import stderr


class LiveLine:
    """What is done of all that is known, and what is said of it; it goes when the block ends."""

    def __init__(self, title: str, said: str, *last: ProgressColumn, hidden: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            *last,
            console=stderr,
            transient=True,
            disable=hidden,
        )
        self._task = self._progress.add_task(escape(title), total=None, said=said)

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


class Bar(LiveLine):
    """How many are done, how many a second, and the time left."""

    def __init__(self, title: str, *, hidden: bool, unit: str = "chunks") -> None:
        super().__init__(title, "", TimeRemainingColumn(), hidden=hidden)
        self._unit = unit

    def move(self, done: int, total: int | None, chunks: int) -> None:
        """So many documents are done, of `total` if that is known; `chunks`, or what the unit says, were written
        since the bar began.
        """
        elapsed = self._progress.tasks[0].elapsed or 0
        rate = f"{chunks / elapsed:.0f} {self._unit}/s" if elapsed > 1 and chunks else ""
        self._progress.update(self._task, completed=done, total=total, said=rate)
