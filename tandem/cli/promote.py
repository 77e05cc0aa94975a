"""`tandem recipes promote`: a recipe becomes the champion if the gate lets it through."""

from dataclasses import replace

from eval.gate import GateResult
from eval.gate_words import check_line
from tandem.cli.eval_gate import GateWish, decide, print_gate
from tandem.cli.opened import author, opened_recipes
from tandem.cli.output import print_json, stdout
from tandem.noninferiority import Standing
from tandem.recipes.keeping import set_champion
from tandem.settings import Settings


def promote(
    settings: Settings, label: str, wish: GateWish, reason: str, *, force: bool, as_json: bool
) -> Standing:
    """Gate the recipe beside the champion, and let it serve if it passes, or if it is forced.

    The history keeps what the gate found, also that it was passed over. Raises as `decide`, and `ConflictError` where
    another recipe became the champion while the questions were asked.
    """
    with opened_recipes(settings) as (book, _):
        before = book.champion
    # By its name: a running server may take a second to see that another was made champion.
    result = decide(settings, replace(wish, baseline=before), quiet=as_json)
    promoted = result.standing is Standing.PASS or force
    if promoted:
        with opened_recipes(settings) as (book, store):
            # The very version that was asked, whatever its name means by now.
            serving = label if label in book.builtin else result.candidate
            noted = note_of(result, reason)
            set_champion(serving, book, store, settings, author=author(), reason=noted, expected=before)
    if as_json:
        print_json(result.model_dump(mode="json") | {"needed": result.needed, "promoted": promoted})
        return Standing.PASS if promoted else result.standing
    print_gate(result)
    after = f"champion  {result.candidate}" if promoted else f"unchanged  {before}"
    stdout.print(
        after + (", though the gate did not pass it" if promoted and result.standing != "pass" else "")
    )
    return Standing.PASS if promoted else result.standing


def note_of(result: GateResult, reason: str) -> str:
    """What the history of champions keeps: the reason that was given, and what the gate found."""
    forced = "" if result.standing is Standing.PASS else "FORCED, although "
    found = "; ".join(check_line(check) for check in result.checks)
    gate = f"{forced}gate on {result.eval_set}: {result.standing} (run {result.run[:8]}; {found})"
    return f"{reason}; {gate}" if reason else gate
