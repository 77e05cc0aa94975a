"""`tandem feedback`: votes listed, reviewed and counted, in the store, beside a server that may run."""

from datetime import datetime

from rich.markup import escape

from tandem.cli.opened import author
from tandem.cli.output import print_json, stdout
from tandem.errors import NotFoundError
from tandem.redaction import open_redactor
from tandem.settings import Settings
from tandem.store import FeedbackState, Verdict, open_store
from tandem.trace_export import feedback_json
from tandem.vocabulary import Caller


def list_feedback(
    settings: Settings,
    tenant: str,
    state: FeedbackState | None,
    verdict: Verdict | None,
    since: datetime | None,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """Print votes, the newest first, each with its question and answer while there is a trace."""
    caller, redactor = Caller(tenant), open_redactor(settings.traces)
    store = open_store(settings.store, settings.data_dir)
    try:
        votes = store.feedbacks(caller, state=state, verdict=verdict, since=since, limit=limit)
        found = []
        for vote in votes:
            try:
                trace = store.trace(caller, vote.trace_id)
                about = {"question": trace.question, "answer": trace.answer}
            except NotFoundError:
                about = {"question": "", "answer": ""}
            if redactor is not None:
                about = {name: redactor.redact(text) for name, text in about.items()}
            found.append(feedback_json(vote, redactor) | about)
    finally:
        store.close()
    if as_json:
        print_json(found)
        return
    for one in found:
        stdout.print(
            f"{one['id']}  {one['at'][:16]}  {one['verdict']:<7}  {one['state']:<8}  {escape(one['recipe'])}"
        )
        told = ("question", "answer", "correction", "comment")
        for name in told:
            if one[name]:
                stdout.print(f"    {name:<10}  {escape(one[name])}")
        if one["tags"]:
            stdout.print(f"    tags        {escape(', '.join(one['tags']))}")


def review(settings: Settings, tenant: str, votes: list[str], state: FeedbackState) -> None:
    """Accept or reject votes; nothing, if one of them is not there. Raises `NotFoundError`."""
    caller = Caller(tenant, author())
    store = open_store(settings.store, settings.data_dir)
    try:
        for vote in votes:
            store.feedback(caller, vote)
        for vote in votes:
            kept = store.review_feedback(caller, vote, state)
            stdout.print(f"{kept.state}  {kept.id}  {kept.verdict}  {escape(kept.recipe)}")
    finally:
        store.close()


def print_score(
    settings: Settings, tenant: str, recipe: str | None, since: datetime | None, *, as_json: bool
) -> None:
    """Print how many users think well of a recipe, and how many do not."""
    store = open_store(settings.store, settings.data_dir)
    try:
        score = store.feedback_score(recipe=recipe, since=since, tenant=tenant)
    finally:
        store.close()
    if as_json:
        print_json({"recipe": recipe, "up": score.up, "down": score.down})
        return
    users = score.up + score.down
    share = f", {score.up / users:.0%} up" if users else ""
    stdout.print(f"{escape(recipe or 'all recipes')}  {score.up} up  {score.down} down  {users} users{share}")
