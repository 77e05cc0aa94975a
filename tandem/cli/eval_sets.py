"""`tandem eval sets`: imported, listed, shown, compared and exported."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape

from eval.case import EvalCase
from eval.sets.bundled import bundled_file
from eval.sets.changes import changes_between, joined
from eval.sets.checking import check_set_name, split_set_ref
from eval.sets.drafts import Draft, Drafts
from eval.sets.eval_set import EvalSet, EvalSetSummary
from eval.sets.hashing import case_fields
from eval.sets.reading import read_set
from eval.sets.registry import EvalSets
from eval.sets.reviewing import newest_of
from eval.sets.slices import slices_of
from eval.sets.statistics import SetStatistics, statistics_of
from eval.sets.writing import as_lines, write_whole
from tandem.cli.opened import author
from tandem.cli.output import print_json, progress, stdout
from tandem.errors import ConflictError, NotFoundError
from tandem.settings import Settings
from tandem.store import open_store


@contextmanager
def opened_sets(settings: Settings) -> Iterator[EvalSets]:
    """The registered sets; their store is closed after."""
    store = open_store(settings.store, settings.data_dir)
    try:
        yield EvalSets(store)
    finally:
        store.close()


def import_set(
    settings: Settings,
    file: Path | None,
    bundled: str | None,
    name: str,
    description: str,
    note: str,
    *,
    add: bool,
    as_json: bool,
) -> None:
    """Register the cases of a file, or of a bundled set. Raises `InvalidRequestError`, `NotFoundError`."""
    check_set_name(name)
    path = bundled_file(bundled) if bundled is not None else file
    assert path is not None  # noqa: S101 - the command has seen to it
    read = read_set(path)
    if read.passed_over:
        told = ", ".join(f"{one} ({many})" for one, many in read.passed_over.most_common())
        progress(f"Fields that mean nothing here were passed over, in lines: {told}")
    origin = {"from": "bundled", "name": bundled} if bundled else {"from": "file", "file": path.name}
    register(settings, name, read.cases, description, note, origin, add=add, as_json=as_json)


def register(
    settings: Settings,
    name: str,
    cases: list[EvalCase],
    description: str,
    note: str,
    origin: dict[str, Any],
    *,
    add: bool,
    as_json: bool,
) -> None:
    """Save the cases, and say what came of it."""
    with opened_sets(settings) as sets:
        if add and (before := newest_of(sets, name)):
            cases, origin = joined(before.cases, cases), origin | {"added_to": before.ref}
        saved, new = sets.save(
            name, cases, description=description, note=note, author=author(), origin=origin
        )
    print_saved(saved, new=new, as_json=as_json)


def print_saved(saved: EvalSet, *, new: bool, as_json: bool) -> None:
    """Which version it is, and what may not be meant."""
    held = statistics_of(saved.cases)
    if as_json:
        print_json(summary_as_json(saved) | {"new": new, "notices": held.notices})
        return
    stdout.print(f"{'saved' if new else 'unchanged'}  {saved.ref}  {saved.hash[:12]}  {saved.count} cases")
    for notice in held.notices:
        progress(notice)


def list_sets(settings: Settings, name: str | None, *, as_json: bool) -> None:
    """Print the versions and the drafts. Raises `NotFoundError` for a name that has neither."""
    drafts = Drafts(settings.data_dir)
    names = [one for one in drafts.names() if name is None or one == name]
    with opened_sets(settings) as sets:
        try:
            versions = sets.versions(name)
        except NotFoundError:
            if not names:
                raise
            versions = []
    read = [drafts.read(one) for one in names]
    if as_json:
        print_json(
            {
                "sets": [summary_as_json(one) for one in versions],
                "drafts": [_draft_as_json(one) for one in read],
            }
        )
        return
    for one in versions:
        what = "  ".join(part for part in (one.author, one.description, one.note) if part)
        stdout.print(
            f"{one.ref:<24}  {one.hash[:12]}  {one.created_at:%Y-%m-%d %H:%M}  {one.count:>6} cases  {escape(what)}"
        )
    for draft in read:
        told = f"{len(draft.waiting)} of {len(draft.cases)} cases wait: tandem eval sets review {draft.head.draft}"
        stdout.print(f"{draft.head.draft:<24}  draft         {draft.head.created_at:%Y-%m-%d %H:%M}  {told}")


def show_set(settings: Settings, ref: str, tag: str | None, *, cases: bool, as_json: bool) -> None:
    """Print a version. Raises `NotFoundError` for a set or a slice that there is not."""
    with opened_sets(settings) as sets:
        found = sets.get(ref)
    held = statistics_of(found.cases)
    shown = _sliced(found, tag) if tag is not None or cases else []
    if as_json:
        rows = {"cases": [case_fields(case) for case in shown]} if tag is not None or cases else {}
        counted = asdict(held) | {"notices": held.notices}
        print_json(summary_as_json(found) | {"statistics": counted} | rows)
        return
    _print_set(found, held)
    for case in shown:
        stdout.print(f"\n{escape(case.id)}  {escape(' '.join(case.tags))}\n  {escape(case.question)}")
        right = "; ".join(case.references) or ("" if case.answerable else "not answerable")
        stdout.print(f"  {escape(' '.join(filter(None, (case.label and f'({case.label})', right))))}")


def diff_sets(settings: Settings, before: str, after: str | None, *, as_json: bool) -> None:
    """Print in what two versions differ, by default with the newest one. Raises `NotFoundError`."""
    with opened_sets(settings) as sets:
        old = sets.get(before)
        new = sets.get(after if after is not None else split_set_ref(before)[0])
    changes = changes_between(old.cases, new.cases)
    if as_json:
        print_json({"before": old.ref, "after": new.ref, **asdict(changes)})
        return
    stdout.print(
        f"{old.ref} to {new.ref}: {len(changes.added)} added, {len(changes.removed)} removed, "
        f"{len(changes.changed)} changed, {changes.same} the same"
    )
    questions = {case.id: case.question for case in (*old.cases, *new.cases)}
    for sign, ids in (("+", changes.added), ("-", changes.removed)):
        for number in ids:
            stdout.print(f"{sign} {escape(number)}  {escape(questions[number])}")
    for number, names in changes.changed.items():
        stdout.print(f"~ {escape(number)}  {', '.join(names)}: {escape(questions[number])}")


def export_set(settings: Settings, ref: str, file: Path | None, tag: str | None, *, force: bool) -> None:
    """Write a version as JSON lines. Raises `NotFoundError`, `ConflictError` for a file that is there."""
    with opened_sets(settings) as sets:
        found = sets.get(ref)
    text = as_lines(_sliced(found, tag))
    if file is None:
        sys.stdout.write(text)
        return
    if file.exists() and not force:
        raise ConflictError(f"{file} is there already", param="file", hint="--force replaces it.")
    write_whole(file.absolute(), text)
    stdout.print(f"written  {escape(str(file))}  {found.ref}  {found.hash[:12]}")


def summary_as_json(one: EvalSetSummary) -> dict[str, Any]:
    """A version as JSON can say it, without its cases."""
    return {
        "ref": one.ref,
        "name": one.name,
        "number": one.number,
        "hash": one.hash,
        "count": one.count,
        "description": one.description,
        "note": one.note,
        "author": one.author,
        "created_at": one.created_at.isoformat(),
        "origin": dict(one.origin),
    }


def _draft_as_json(draft: Draft) -> dict[str, Any]:
    return {
        "draft": draft.head.draft,
        "cases": len(draft.cases),
        "waiting": len(draft.waiting),
        "decided": draft.counts,
        "created_at": draft.head.created_at.isoformat(),
        "origin": draft.head.origin,
        "file": str(draft.file),
    }


def _sliced(found: EvalSet, tag: str | None) -> list[EvalCase]:
    if tag is None:
        return list(found.cases)
    slices = slices_of(found.cases)
    if tag not in slices:
        raise NotFoundError(
            f"{found.ref} has no slice {tag!r}", param="tag", hint=f"It has: {', '.join(slices)}."
        )
    wanted = set(slices[tag])
    return [case for case in found.cases if case.id in wanted]


def _print_set(found: EvalSet, held: SetStatistics) -> None:
    made = " ".join(f"{key}={value}" for key, value in found.origin.items())
    rows = [
        ("set", f"{found.ref}  {found.hash}"),
        ("made", f"{found.created_at:%Y-%m-%d %H:%M} by {found.author or 'unknown'}  {made}".rstrip()),
        ("about", found.description),
        ("note", found.note),
        ("cases", f"{held.cases}: {held.answerable} answerable, {held.cases - held.answerable} not"),
        (
            "right",
            f"{held.with_references} with references, {held.with_documents} with documents, "
            f"{held.with_label} with a label, {held.without_reference} answerable ones without any of these",
        ),
        (
            "also",
            f"{held.with_paraphrases} with paraphrases, {held.follow_ups} follow-ups, "
            f"{held.elsewhere} that another document answers, too",
        ),
        ("labels", ", ".join(f"{label} {many}" for label, many in held.labels.items())),
        ("slices", ", ".join(f"{tag} {many}" for tag, many in held.tags.items())),
    ]
    for title, text in rows:
        if text:
            stdout.print(f"{title:<7} {escape(text)}")
    for notice in held.notices:
        progress(notice)
