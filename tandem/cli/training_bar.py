"""A line on stderr with a training's loss, tokens a second and time left."""

from finetune.training import Started, Stepped
from tandem.cli.bar import LiveLine


class TrainingBar(LiveLine):
    """Steps that are done of all."""

    def __init__(self, *, hidden: bool) -> None:
        super().__init__("Training", "validating the untrained model", hidden=hidden)

    def begin(self, started: Started) -> None:
        """All is loaded."""
        self._progress.update(self._task, completed=started.step, total=started.steps)

    def move(self, stepped: Stepped) -> None:
        """One more step is done."""
        said = f"loss {stepped.loss:.3f}  {stepped.tokens_per_s:,.0f} tokens/s  {_spell(stepped.seconds_left)} left"
        self._progress.update(self._task, completed=stepped.step, total=stepped.steps, said=said)


def _spell(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
