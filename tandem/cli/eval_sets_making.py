"""`tandem eval sets from-feedback | from-traces`: sets of what users have asked, and thought of the answers."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from rich.markup import escape

from eval.sets.checking import check_set_name
from eval.sets.drafts import Drafts
from eval.sets.from_traces import cases_of_feedback, cases_of_traces
from tandem.cli.eval_sets import register
from tandem.cli.opened import author
from tandem.cli.output import print_json, progress, stdout
from tandem.cli.voted import voted_questions
from tandem.errors import InvalidRequestError
from tandem.settings import Settings
from tandem.store import Store, Trace, open_store
from tandem.vocabulary import Caller

_PAGE = 500


def set_of_feedback(
    settings: Settings,
    file: Path,
    name: str,
    description: str,
    note: str,
    *,
    draft: bool,
    add: bool,
    as_json: bool,
) -> None:
    """Register what was voted up, or draft it. Raises `InvalidRequestError`, naming the line."""
    check_set_name(name)
    cases, dropped = cases_of_feedback(*voted_questions(settings, file))
    tell_dropped(dropped)
    origin = {"from": "feedback", "file": file.name}
    if not draft:
        register(settings, name, cases, description, note, origin, add=add, as_json=as_json)
        return
    drafts = Drafts(settings.data_dir)
    kept = [(case, "Users have voted for this answer.") for case in cases]
    written = drafts.add(name, kept, description=description, author=author(), origin=origin)
    print_draft(name, written, len(cases), as_json=as_json)


def draft_of_traces(
    settings: Settings,
    name: str,
    limit: int,
    since: datetime | None,
    corpora: Sequence[str],
    recipe: str | None,
    description: str,
    *,
    as_json: bool,
) -> None:
    """Draft what was asked. Raises `InvalidRequestError` where nothing was, `ConflictError` for another draft."""
    drafts = Drafts(settings.data_dir)
    drafts.check_free(name)
    store = open_store(settings.store, settings.data_dir)
    try:
        cases, dropped = cases_of_traces(_newest_first(store, since), limit, corpora=corpora, recipe=recipe)
    finally:
        store.close()
    tell_dropped(dropped)
    if not cases:
        raise InvalidRequestError(
            "No question was asked that would be a case", param="name", hint="Without --since, --corpus and "
            "--recipe every question counts; traces are kept of what the server answers.",
        )  # fmt: skip
    origin = {"from": "traces", "corpora": list(corpora), "recipe": recipe or ""}
    written = drafts.add(name, cases, description=description, author=author(), origin=origin)
    print_draft(name, written, len(cases), as_json=as_json)


def tell_dropped(dropped: Counter[str]) -> None:
    """What is no case, and why."""
    for why, many in dropped.most_common():
        progress(f"Left out {many}: {why}")


def print_draft(name: str, file: Path, cases: int, *, as_json: bool) -> None:
    """Where the draft is, and what is to be done with it."""
    if as_json:
        print_json({"draft": name, "cases": cases, "file": str(file)})
        return
    stdout.print(f"drafted  {name}  {cases} cases  {escape(str(file))}")
    progress(f"To be reviewed before use: tandem eval sets review {name}")


def _newest_first(store: Store, since: datetime | None) -> Iterator[Trace]:
    offset = 0
    while page := store.traces(Caller(), since=since, limit=_PAGE, offset=offset):
        yield from page
        offset += _PAGE
