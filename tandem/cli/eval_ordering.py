"""What is ordered by the options of a command that begins an eval run."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.cli.eval_options import Plant

if TYPE_CHECKING:
    from tandem.cli.eval_run import Order


def order_of(
    eval_set: str,
    arms: tuple[str, ...],
    corpora: list[str] | None,
    instruct: list[str] | None,
    without: bool,
    repeats: int,
    paraphrases: bool,
    plant: list[Plant] | None,
    max_tokens: int | None,
    limit: int | None,
    seed: int,
    at_once: int,
    alone: int | None,
    training: Path | None,
    against: list[Path] | None,
    force: bool,
) -> "Order":
    """What a command that begins a run orders by its options."""
    from eval.running.gathering import Wish
    from tandem.cli.compare import instructions_of
    from tandem.cli.eval_run import Order

    wish = Wish(
        arms=arms,
        corpora=tuple(corpora or ()),
        instructions=instructions_of(instruct or []),
        without=without,
        repeats=repeats,
        paraphrases=paraphrases,
        planted=tuple(one.value for one in plant or ()),
        max_tokens=max_tokens,
        seed=seed,
        limit=limit,
        at_once=at_once,
        alone=alone,
        training=training,
        command=command_line(),
    )
    return Order(eval_set, wish, tuple(against or ()), force)


def names_of(text: str) -> tuple[str, ...]:
    """Names by commas; none of nothing."""
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def command_line() -> str:
    """As the user has typed it, for reports."""
    return shlex.join(["tandem", *sys.argv[1:]])
