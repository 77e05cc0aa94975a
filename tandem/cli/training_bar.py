"""A line on stderr with a training's loss, tokens a second and time left."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from finetune.training import Started, Stepped
from tandem.cli.output import stderr


class TrainingBar:
    """Steps that are done of all; it goes when the block ends."""

    def __init__(self, *, hidden: bool) -> None:
        self._progress = Progress(
            TextColumn("Training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeElapsedColumn(),
            console=stderr,
            transient=True,
            disable=hidden,
        )
        self._task = self._progress.add_task("Training", total=None, state="validating the untrained model")

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

    def begin(self, started: Started) -> None:
        """All is loaded."""
        self._progress.update(self._task, completed=started.step, total=started.steps)

    def move(self, stepped: Stepped) -> None:
        """One more step is done."""
        state = f"loss {stepped.loss:.3f}  {stepped.tokens_per_s:,.0f} tokens/s  {_spell(stepped.seconds_left)} left"
        self._progress.update(self._task, completed=stepped.step, total=stepped.steps, state=state)


def _spell(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
