"""Whether a judge may be believed, by what was measured of it: kept by its identity, in the data folder."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.judging.figures import JudgeFigures
from eval.judging.identity import Identity
from tandem.errors import StorageError
from tandem.settings import JudgeSettings, Settings

_FOLDER = Path("eval") / "judge" / "figures"


class JudgeTrust(BaseModel):
    """What may be concluded from a judge's verdicts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    judge: Identity
    figures: JudgeFigures | None
    """`None` where it was not measured, or too long ago."""
    faults: tuple[str, ...] = ()
    """Where it is under the floor, as ends of sentences; none for a judge that may gate."""
    weak: tuple[str, ...] = ()
    """Measures whose own agreement is under the floor."""

    @property
    def trusted(self) -> bool:
        """Whether all that was measured is above the floor."""
        return self.figures is not None and not self.faults

    def may_gate(self, measure: str) -> bool:
        """Whether a gate may decide by this measure of the judge.

        It does not need a measure that is not its own to be good: a judge that sees wrong answers well and
        unfaithful ones badly may gate by the former. A measure that no label is about needs all of them.
        """
        if self.figures is None or len(self.faults) > len(self.weak):
            return False
        own = {each.measure for each in self.figures.agreement}
        return measure not in self.weak if measure in own else not self.weak

    @property
    def warning(self) -> str | None:
        """The sentence that a report must show beside this judge's figures; `None` if none is needed."""
        name = f"The judge {self.judge.model}"
        if self.figures is None:
            return (
                f"{name} has not been judged, so its figures prove nothing and may not gate: "
                "run `tandem eval judge`."
            )
        if not self.faults:
            return None
        return f"{name} is under the floor, so its figures prove nothing and may not gate: {'; '.join(self.faults)}."


def trust_of(identity: Identity, settings: Settings, now: datetime | None = None) -> JudgeTrust:
    """What is known of this very judge: its model, its address, its prompts. Raises `StorageError`.

    The floor is that of the settings now; what was measured more than `judge.trusted_days` ago counts as unknown.
    """
    figures = read_figures(identity, settings.data_dir)
    if figures is not None:
        age = (now or datetime.now(UTC)) - datetime.fromisoformat(figures.measured_at)
        if age > timedelta(days=settings.judge.trusted_days):
            figures = None
    if figures is None:
        return JudgeTrust(judge=identity, figures=None)
    under = list(_under(figures, settings.judge))
    return JudgeTrust(
        judge=identity,
        figures=figures,
        faults=tuple(fault for fault, _ in under),
        weak=tuple(measure for _, measure in under if measure),
    )


def keep_figures(figures: JudgeFigures, data_dir: Path) -> Path:
    """Keep what was measured, in place of what was measured before. Raises `StorageError`."""
    file = _file(figures.judge, data_dir)
    unfinished = file.with_suffix(".unfinished")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(figures.model_dump_json(indent=2), "utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error
    return file


def read_figures(identity: Identity, data_dir: Path) -> JudgeFigures | None:
    """What was measured of this judge last; `None` if nothing was. Raises `StorageError`."""
    file = _file(identity, data_dir)
    try:
        figures = JudgeFigures.model_validate_json(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValidationError:  # of another version of Tandem: as good as not measured
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{file} cannot be read: {error}") from error
    return figures if figures.judge == identity else None


def _under(figures: JudgeFigures, floor: JudgeSettings) -> Iterator[tuple[str, str | None]]:
    """What is under the floor, in words, with the measure where it is of one alone."""
    for each in figures.agreement:
        if each.kappa is None or each.kappa.low < floor.floor_kappa:
            told = (
                "none"
                if each.kappa is None
                else f"{each.kappa.mean:.2f} [{each.kappa.low:.2f}, {each.kappa.high:.2f}]"
            )
            yield (
                f"kappa of {each.measure} with people's label `{each.label}` is {told}, and its lower end must be "
                f"at least {floor.floor_kappa:g}",
                each.measure,
            )
    if not figures.agreement:
        yield "its agreement with people was not measured", None
    if figures.partial:
        yield "it went away before all was asked", None
    for name, share, least in (
        ("of its verdicts are the same when asked again", figures.stability.same, floor.floor_stability),
        ("of its comparisons hold when the answers change places", figures.order.same, floor.floor_order),
    ):
        if share is None or share.mean < least:
            told = "no share" if share is None else f"{share.mean:.0%}"
            yield f"{told} {name}, and at least {least:.0%} must", None


def _file(identity: Identity, data_dir: Path) -> Path:
    return data_dir / _FOLDER / f"{identity.digest}.json"
