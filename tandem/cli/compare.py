"""`tandem compare`: arms beside each other on one eval set, and the report that decides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.markup import escape

from eval.prices import ALL, PriceTable, price_of_tokens, read_prices
from eval.report import Written, write_report
from eval.suites.cost import Prices
from tandem.cli.eval_look import Look, compared
from tandem.cli.eval_run import Order, begin_run, resume_run
from tandem.cli.eval_runs import print_comparison
from tandem.cli.output import print_json, stdout
from tandem.errors import InvalidRequestError
from tandem.settings import Settings


def compare(
    settings: Settings,
    order: Order | None,
    resume: str | None,
    look: Look,
    out: Path | None,
    *,
    again: bool,
    as_json: bool,
) -> None:
    """Ask the arms, or what a run lacks; score, print, and write the report into a folder.

    Raises as `begin_run`, `resume_run` and `compare_run`, and `StorageError` where the report cannot be written.
    """
    if order is None and resume is None:
        raise InvalidRequestError("Name a set with --set, or a run with --resume", param="set")
    if order is not None and resume is not None:
        raise InvalidRequestError(
            "A run that is resumed has its set and its arms", param="resume", hint="Leave --set away."
        )
    if order is not None:
        run = begin_run(settings, order, quiet=as_json)
    else:
        run = resume_run(settings, resume or "", again=again, quiet=as_json)
    comparison = compared(settings, run, look)
    folder = out or settings.data_dir / "eval" / "reports" / run[:8]
    written = write_report(comparison, folder, stem="report")
    if as_json:
        print_json(comparison.model_dump(mode="json"))
        return
    print_comparison(comparison)
    _tell(written)


def prices_of(
    settings: Settings, price: str | None, file: Path | None, machine_hour: float | None, currency: str
) -> PriceTable:
    """The prices of the options; those of `engine.price_in` and `engine.price_out` where there is none.

    Raises `InvalidRequestError` for more than one of them.
    """
    if sum(one is not None for one in (price, file, machine_hour)) > 1:
        raise InvalidRequestError("Name one of --price, --prices and --machine-hour", param="price")
    if file is not None:
        return read_prices(file)
    if price is not None:
        table = price_of_tokens(price)
    elif machine_hour is not None:
        table = PriceTable({ALL: Prices(per_hour=machine_hour)})
    elif settings.engine.price_in is not None and settings.engine.price_out is not None:
        table = PriceTable({ALL: Prices(settings.engine.price_in, settings.engine.price_out)})
    else:
        return PriceTable()
    return PriceTable({name: replace(row, currency=currency) for name, row in table.rows.items()})


def instructions_of(texts: Sequence[str]) -> Mapping[str, str]:
    """Instructions by arm, of `ARM,ARM=TEXT`. Raises `InvalidRequestError`."""
    found: dict[str, str] = {}
    for text in texts:
        arms, equals, words = text.partition("=")
        names = [name.strip() for name in arms.split(",")]
        if not equals or not all(names) or not words.strip():
            raise InvalidRequestError(
                f"{text[:80]!r} is no instruction",
                param="instruct",
                hint='--instruct base,prompted="Answer with yes, no or maybe."',
            )
        if twice := [name for name in names if name in found]:
            raise InvalidRequestError(f"{twice[0]} has instructions twice", param="instruct")
        found |= dict.fromkeys(names, words.strip())
    return found


def _tell(written: Written) -> None:
    stdout.print(f"\nwritten   {escape(str(written.html))}, with .md and .json beside it")
