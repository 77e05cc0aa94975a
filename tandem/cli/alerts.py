"""`tandem alerts` and `tandem interventions`: through the running server, else on the store."""

import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.markup import escape

from tandem.alerting.ruleset import check_room, check_rule_name, fixed_rules, rules_in_force
from tandem.alerting.undoing import undo_intervention
from tandem.cli.opened import author
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import checked, running_server
from tandem.errors import InvalidRequestError
from tandem.monitoring.rule_file import read_rules
from tandem.settings import Settings
from tandem.store import Intervention, Store, open_store

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def list_alerts(settings: Settings, *, everything: bool, as_json: bool) -> None:
    """Print what goes on, or past ones, too."""
    from server.alerting.payloads import alert_payload

    def from_store(store: Store) -> Any:
        found = store.alert_history() if everything else store.open_alerts()
        return {"alerts": [alert_payload(one, settings.alerts) for one in found]}

    path = f"/api/alerts?state={'all' if everything else 'open'}"
    found = _either(settings, lambda client: checked(client.get(path)), from_store)
    if as_json:
        print_json(found)
        return
    for one in found["alerts"]:
        note = f" ({one['note']})" if one["note"] else ""
        stdout.print(
            escape(f"{one['state']:<8}  {one['since'][:16]}  {one['severity']:<8}  {one['rule']}: ")
            + escape(f"{one['summary']}{note}")
        )
    if not found["alerts"]:
        stdout.print("No alert")


def list_rules(settings: Settings, *, as_json: bool) -> None:
    """Print the rules that hold, and the silences."""

    def from_store(store: Store) -> Any:
        known = rules_in_force(fixed_rules(settings.alerts), store)
        rules = [
            {"rule": one.rule.model_dump(mode="json"), "source": one.source, "author": one.author}
            for one in known
        ]
        silences = store.silences(datetime.now(UTC))
        return {
            "rules": rules,
            "silences": [{"id": s.id, "rule": s.rule, "until": s.until.isoformat()} for s in silences],
        }

    def from_server(client: Any) -> Any:
        return checked(client.get("/api/alerts/rules")) | checked(client.get("/api/alerts/silences"))

    found = _either(settings, from_server, from_store)
    if as_json:
        print_json(found)
        return
    for one in found["rules"]:
        rule = one["rule"]
        limit = next(
            f"{key} {rule[key]:g}" for key in ("above", "below", "worse_by") if rule[key] is not None
        )
        off = "" if rule["enabled"] else "  off"
        stdout.print(
            escape(
                f"{rule['name']:<26}  {rule['metric']:<18}  {limit:<14}  {rule['scope']:<12}  "
                f"{rule['window_s']:g} s, {rule['least']} answers  {rule['severity']:<8}  "
                f"{rule['intervention'] or '-':<15}  {one['source']}{off}"
            )
        )
    for one in found["silences"]:
        stdout.print(escape(f"silent until {one['until'][:16]}: {one['rule']}  {one['id']}"))


def save_rules(settings: Settings, file: Path) -> None:
    """Write every rule of a file into the store. Raises `SettingsError` for a file that cannot be read."""
    rules = read_rules(file)

    def in_store(store: Store) -> None:
        for rule in rules:
            check_room(rule.name, rules_in_force(fixed_rules(settings.alerts), store))
            store.save_rule(rule, author(), datetime.now(UTC))

    def at_server(client: Any) -> None:
        for rule in rules:
            checked(client.put(f"/api/alerts/rules/{rule.name}", json=rule.model_dump(mode="json")))

    _either(settings, at_server, in_store)
    stdout.print(f"saved  {', '.join(rule.name for rule in rules)}")


def remove_rule(settings: Settings, name: str) -> None:
    """Take a rule of the store away. Raises `NotFoundError`."""
    _either(
        settings,
        lambda client: checked(client.delete(f"/api/alerts/rules/{name}")),
        lambda store: store.remove_rule(name, author()),
    )
    stdout.print(f"removed  {escape(name)}")


def silence(settings: Settings, rule: str, span: str, reason: str, *, end: bool) -> None:
    """Tell nobody of a rule for a while, or end all silences of it. Raises `NotFoundError`, `InvalidRequestError`."""
    if end:
        _end_silences(settings, rule)
        return
    seconds = seconds_of(span)

    def in_store(store: Store) -> None:
        check_rule_name(rule, rules_in_force(fixed_rules(settings.alerts), store))
        at = datetime.now(UTC)
        store.silence(rule, at + timedelta(seconds=seconds), author(), reason, at)

    wish = {"rule": rule, "seconds": seconds, "reason": reason}
    _either(settings, lambda client: checked(client.post("/api/alerts/silences", json=wish)), in_store)
    stdout.print(f"silent  {escape(rule)} for {escape(span)}")


def _end_silences(settings: Settings, rule: str) -> None:
    def at_server(client: Any) -> list[str]:
        found = checked(client.get("/api/alerts/silences"))["silences"]
        mine = [one["id"] for one in found if one["rule"] == rule]
        for one in mine:
            checked(client.delete(f"/api/alerts/silences/{one}"))
        return mine

    def in_store(store: Store) -> list[str]:
        mine = [one.id for one in store.silences(datetime.now(UTC)) if one.rule == rule]
        for one in mine:
            store.end_silence(one, author())
        return mine

    ended = _either(settings, at_server, in_store)
    stdout.print(f"{len(ended)} silences of {escape(rule)} ended")


def list_interventions(settings: Settings, *, as_json: bool) -> None:
    """Print what was done, what is proposed, and what people made of it."""
    from server.api.interventions import intervention_body

    def from_store(store: Store) -> Any:
        return {
            "passages_only": store.forced_degraded(),
            "retraining": [{"adapter": r.adapter, "reason": r.reason} for r in store.retraining_requests()],
            "interventions": [
                intervention_body(one).model_dump(mode="json") for one in store.interventions()
            ],
        }

    found = _either(settings, lambda client: checked(client.get("/api/interventions")), from_store)
    if as_json:
        print_json(found)
        return
    for one in found["interventions"]:
        who = f" by {one['decided_by']}" if one["decided_by"] else ""
        note = f" ({one['note']})" if one["note"] else ""
        stdout.print(
            escape(
                f"{one['id']}  {one['made_at'][:16]}  {one['kind']:<15}  {one['state']}{who}  {one['subject']}  "
                f"{one['rule']}{note}"
            )
        )
    for one in found["retraining"]:
        stdout.print(escape(f"retraining is asked for: {one['adapter'] or 'any adapter'}, {one['reason']}"))
    if found["passages_only"]:
        stdout.print("Answers are of passages alone now")
    if not found["interventions"]:
        stdout.print("No intervention")


def decide(settings: Settings, intervention: str, what: str) -> None:
    """`approve`, `reject` or `undo` one. Raises `NotFoundError`, `ConflictError`."""

    def in_store(store: Store) -> Any:
        return {"state": _decided(store, intervention, what).state}

    path = f"/api/interventions/{intervention}/{what}"
    found = _either(settings, lambda client: checked(client.post(path)), in_store)
    stdout.print(escape(f"{intervention}  {found['state']}"))


def seconds_of(span: str) -> float:
    """Seconds of `90s`, `30m`, `2h` or `1d`. Raises `InvalidRequestError`."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smhd])", span.strip())
    if found is None:
        raise InvalidRequestError(f"{span!r} is no span of time", param="for", hint="Such as 30m, 2h or 1d.")
    return float(found[1]) * _SECONDS[found[2]]


def _decided(store: Store, intervention: str, what: str) -> Intervention:
    if what == "undo":
        return undo_intervention(store, intervention, author())
    approve = what == "approve"
    return store.decide_intervention(intervention, author(), datetime.now(UTC), approve=approve)


def _either(settings: Settings, at_server: Callable[[Any], Any], in_store: Callable[[Store], Any]) -> Any:
    with running_server(settings) as client:
        if client is not None:
            return at_server(client)
    with closing(open_store(settings.store, settings.data_dir)) as store:
        return in_store(store)
