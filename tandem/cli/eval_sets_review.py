"""`tandem eval sets review`: a draft at the terminal, one case at a time."""

from typing import Any

import typer
from rich.markup import escape

from eval.case import EvalCase
from eval.sets.checking import check_case
from eval.sets.drafts import Draft, DraftCase, Drafts
from eval.sets.elsewhere import ORIGIN
from eval.sets.reviewing import edited_case, save_reviewed
from tandem.cli.eval_sets import opened_sets, print_saved
from tandem.cli.opened import author
from tandem.cli.output import print_error, progress, stderr, stdout
from tandem.errors import InvalidRequestError
from tandem.settings import Settings

_KEYS = "[a]ccept  [e]dit  [r]eject  [s]kip  [q]uit"
_KEYS_ELSEWHERE = "Does another document answer it?  [y]es  [n]o  [a]s marked  [s]kip  [q]uit"
_BETWEEN = ";;"
"""Parts several references or documents on one line: a single `;` may be part of one."""


def review_draft(settings: Settings, name: str, *, accept_all: bool, add: bool) -> None:
    """Decide on what waits, and register the set once nothing does. Every decision is kept as it is made.

    Raises `NotFoundError`, `ConflictError` where another process reviews it.
    """
    with Drafts(settings.data_dir).open(name) as draft:
        if accept_all:
            progress(f"Accepted {draft.accept_all()} cases unseen; the version says so")
        else:
            _ask_for_each(draft)
        if draft.waiting:
            told = ", ".join(f"{many} {what}" for what, many in draft.counts.items()) or "none decided on"
            stdout.print(f"{len(draft.waiting)} of {len(draft.cases)} cases wait ({told})")
            progress(f"Go on with: tandem eval sets review {name}")
            return
        with opened_sets(settings) as sets:
            saved, new = save_reviewed(draft, sets, author=author(), add=add)
    print_saved(saved, new=new, as_json=False)


def _ask_for_each(draft: Draft) -> None:
    waiting = draft.waiting
    for place, one in enumerate(waiting, start=1):
        _show(one, place, len(waiting))
        try:
            if not _decided(draft, one):
                return
        except (typer.Abort, EOFError, KeyboardInterrupt):
            stderr.print()
            return


def _decided(draft: Draft, one: DraftCase) -> bool:
    """Whether to go on; after a decision, a skip or nothing that is one of the keys."""
    elsewhere = draft.head.origin.get("from") == ORIGIN
    keys = _KEYS_ELSEWHERE if elsewhere else _KEYS
    while True:
        key = typer.prompt(keys, err=True, default="s", show_default=False).strip().casefold()[:1]
        match key:
            case "a":
                draft.decide(one.case.id, "accepted")
            case "y" | "n" if elsewhere:
                marked = one.case.model_copy(update={"elsewhere": key == "y"})
                draft.decide(one.case.id, "accepted" if marked == one.case else "edited", marked)
            case "r" if not elsewhere:
                draft.decide(one.case.id, "rejected")
            case "e" if not elsewhere:
                edited = _edit(one.case)
                if edited is None:
                    continue
                draft.decide(one.case.id, "edited", edited)
            case "q":
                return False
            case "s":
                pass
            case _:
                continue
        return True


def _edit(case: EvalCase) -> EvalCase | None:
    """The case as it was typed; `None` where that is no case. An empty line leaves a field as it is."""
    changes: dict[str, Any] = {"question": _typed("question", case.question)}
    answerable = typer.confirm("answerable", default=case.answerable, err=True)
    changes |= {"answerable": answerable}
    for name in ("references", "documents"):
        changes[name] = _listed(name, getattr(case, name))
    if changes["references"] != case.references:
        changes["answer_start"] = None
    if case.label is not None:
        changes["label"] = _typed("label", case.label)
    changes["tags"] = _listed("tags", case.tags)
    try:
        return check_case(edited_case(case, changes))
    except InvalidRequestError as error:
        print_error(error)
        return None


def _typed(name: str, now: str) -> str:
    return str(typer.prompt(name, default=now, err=True)).strip()


def _listed(name: str, now: tuple[str, ...]) -> tuple[str, ...]:
    """`-` empties the list."""
    told = typer.prompt(
        f"{name} ({_BETWEEN} between, - for none)", default=f" {_BETWEEN} ".join(now) or "-", err=True
    )
    return tuple(part.strip() for part in str(told).split(_BETWEEN) if part.strip() and told.strip() != "-")


def _show(one: DraftCase, place: int, of: int) -> None:
    case = one.case
    stderr.rule(f"{place} of {of}  {case.id}")
    stderr.print(f"[bold]{escape(case.question)}[/bold]")
    if not case.answerable:
        stderr.print("not answerable")
    for title, values in (
        ("references", case.references),
        ("documents", case.documents),
        ("label", (case.label,) if case.label else ()),
        ("tags", case.tags),
        ("marked", ("answered by another document, too",) if case.elsewhere else ()),
    ):
        if values:
            stderr.print(f"{title:<10}  {escape('; '.join(values))}")
    if one.shown:
        stderr.print(escape(one.shown), style="dim")
