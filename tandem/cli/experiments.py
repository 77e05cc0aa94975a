"""`tandem experiments`: written down, started, looked at, grown, stopped and promoted, by the running server where
there is one, else in the store.
"""

from collections.abc import Callable
from typing import Any

import httpx
from rich.markup import escape

from tandem.cli.experiments_table import print_experiment, print_pairs
from tandem.cli.opened import author, opened_recipes, opened_store
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import checked, running_server
from tandem.errors import InvalidRequestError
from tandem.experiments import (
    ChallengerWish,
    ExperimentBody,
    ExperimentWish,
    GuardrailWish,
    ShadowPairBody,
    begin,
    expand,
    pair_body,
    promote,
    result_of,
    stop,
    write_down,
)
from tandem.recipes import RecipeBook
from tandem.settings import Settings
from tandem.store import Experiment, GuardrailMetric, Store
from tandem.vocabulary import Caller

_PATH = "/api/experiments"
InStore = Callable[[RecipeBook, Store, Caller], Experiment]


def share_of(text: str) -> float:
    """`5%` or `0.05`. Raises `InvalidRequestError`."""
    try:
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise InvalidRequestError(
            f"{text!r} is not a share", param="share", hint="Say 5%, or 0.05."
        ) from error
    if not 0 < number <= 1:
        raise InvalidRequestError(f"The share {text!r} is not between 0 and 100%", param="share")
    return number


def challenger_of(text: str) -> ChallengerWish:
    """`RECIPE`, `RECIPE=SHARE`, or `RECIPE=SHARE:FINAL`. Raises `InvalidRequestError`."""
    recipe, _, shares = text.partition("=")
    share, _, final = shares.partition(":")
    named = {"share": share_of(share)} if share else {}
    if final:
        named["final"] = share_of(final)
        if final and named["final"] < named.get("share", 0.5):
            raise InvalidRequestError(
                "The final share is below the first: a share only grows", param="challenger"
            )
    return ChallengerWish(recipe=recipe, **named)


def guardrail_of(text: str) -> GuardrailWish:
    """`METRIC=LIMIT`, such as `failed=2%` or `p95_latency_ms=8000`. Raises `InvalidRequestError`."""
    name, _, limit = text.partition("=")
    try:
        metric = GuardrailMetric(name)
    except ValueError as error:
        raise InvalidRequestError(
            f"There is no guardrail {name!r}",
            param="guard",
            hint=f"There are: {', '.join(one.value for one in GuardrailMetric)}.",
        ) from error
    if metric is not GuardrailMetric.P95_LATENCY:
        return GuardrailWish(metric=metric, limit=share_of(limit))
    if not limit.replace(".", "", 1).isdigit() or float(limit) == 0:
        raise InvalidRequestError(f"{limit!r} is not a time in milliseconds", param="guard")
    return GuardrailWish(metric=metric, limit=float(limit))


def create(settings: Settings, wish: ExperimentWish, *, as_json: bool) -> None:
    """Write a draft down. Raises as `write_down`."""
    made = _change(
        settings,
        lambda client: client.post(_PATH, json=wish.model_dump(mode="json")),
        lambda book, store, by: write_down(wish, book, store, settings, by),
    )
    _print(made, as_json=as_json)


def list_experiments(settings: Settings, *, as_json: bool) -> None:
    """Print all of them, newest first."""
    with opened_store(settings) as store:
        found = [ExperimentBody.of(one) for one in store.experiments()]
    if as_json:
        print_json([one.model_dump(mode="json", exclude={"result"}) for one in found])
        return
    for one in found:
        tried = ", ".join(f"{each.recipe} {each.share:.4g}" for each in one.challengers)
        stdout.print(
            escape(f"{one.name:<20}  {one.state.value:<8}  {one.mode:<6}  {tried}  {one.why}").rstrip()
        )


def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """Print an experiment and its result so far. Raises `NotFoundError`."""
    with opened_store(settings) as store:
        found = store.experiment(name)
        body = ExperimentBody.of(found, result_of(found, store))
    _print(body, as_json=as_json)


def show_pairs(settings: Settings, name: str, limit: int, *, as_json: bool) -> None:
    """Print both answers to the newest questions of shadow mode, of this tenant. Raises `NotFoundError`."""
    with opened_store(settings) as store:
        found = store.experiment(name)
        pairs = store.shadow_pairs(found.id, tenant=Caller().tenant, words=True, limit=limit)
    bodies: list[ShadowPairBody] = [pair_body(one) for one in pairs]
    if as_json:
        print_json([one.model_dump(mode="json") for one in bodies])
    else:
        print_pairs(bodies)


def start(settings: Settings, name: str, *, as_json: bool) -> None:
    """Let a draft run. Raises as `begin`, and what the load of an adapter raises where a server runs."""
    made = _change(
        settings,
        lambda client: client.post(f"{_PATH}/{_quoted(name)}/start"),
        lambda book, store, by: begin(name, book, store, settings, by),
    )
    _print(made, as_json=as_json)


def share(settings: Settings, name: str, shares: dict[str, float], *, as_json: bool) -> None:
    """Give challengers more of the traffic. Raises as `expand`."""
    made = _change(
        settings,
        lambda client: client.post(f"{_PATH}/{_quoted(name)}/share", json={"shares": shares}),
        lambda book, store, by: expand(name, shares, store, by),
    )
    _print(made, as_json=as_json)


def stop_experiment(settings: Settings, name: str, reason: str, *, as_json: bool) -> None:
    """End it undecided. Raises `NotFoundError`, `ConflictError`."""
    made = _change(
        settings,
        lambda client: client.post(f"{_PATH}/{_quoted(name)}/stop", json={"reason": reason}),
        lambda book, store, by: stop(name, reason, store, by),
    )
    _print(made, as_json=as_json)


def promote_winner(settings: Settings, name: str, arm: str | None, *, as_json: bool) -> None:
    """Let the winner, or the arm, be the champion. Raises as `promote`."""
    made = _change(
        settings,
        lambda client: client.post(f"{_PATH}/{_quoted(name)}/promote", json={"arm": arm}),
        lambda book, store, by: promote(name, arm, book, store, settings, by),
    )
    _print(made, as_json=as_json)


def _change(
    settings: Settings, by_server: Callable[[httpx.Client], httpx.Response], in_store: InStore
) -> ExperimentBody:
    """What either made of it."""
    with running_server(settings) as client:
        if client is not None:
            return ExperimentBody.model_validate(checked(by_server(client)))
    with opened_recipes(settings) as (book, store):
        return ExperimentBody.of(in_store(book, store, Caller(subject=author())))


def _quoted(name: str) -> str:
    return httpx.URL(path=f"/{name}").raw_path.decode("ascii").removeprefix("/")


def _print(body: ExperimentBody, *, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Any] = body.model_dump(mode="json")
        print_json(shown if body.result is not None else {k: v for k, v in shown.items() if k != "result"})
    else:
        print_experiment(body)
