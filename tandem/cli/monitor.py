"""`tandem monitor`: what live answers come to, what is wrong, and what is done about it, in the terminal."""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tandem.cli.output import print_json, stdout
from tandem.cli.remote import checked, running_server
from tandem.settings import Settings

_STYLES = {"firing": "bold red", "pending": "yellow"}
_WIDE = 150
"""Columns of a terminal in which intervals have room."""
_SHOWN = 8
"""Most alerts and interventions on the page."""


def monitor(settings: Settings, window_s: float | None, every_s: float, *, once: bool, as_json: bool) -> None:
    """Print the figures, once or again and again until Ctrl-C."""
    window = window_s or settings.alerts.window_s
    if as_json:
        print_json(seen(settings, window))
        return
    if once:
        stdout.print(page(seen(settings, window), window))
        return
    with Live(page(seen(settings, window), window), console=stdout, auto_refresh=False, screen=False) as live:
        while True:
            time.sleep(every_s)
            live.update(page(seen(settings, window), window), refresh=True)


def seen(settings: Settings, window_s: float) -> dict[str, Any]:
    """The three resources of the API: from the running server, else from the store."""
    with running_server(settings) as client:
        if client is not None:
            return {
                "server": str(client.base_url),
                "monitoring": checked(client.get("/api/monitoring", params={"window_s": window_s})),
                "alerts": checked(client.get("/api/alerts")),
                "interventions": checked(client.get("/api/interventions", params={"limit": _SHOWN})),
            }
    return {"server": None} | _from_store(settings, window_s)


def _from_store(settings: Settings, window_s: float) -> dict[str, Any]:
    from server.alerting.gauges import with_votes
    from server.alerting.look import LOOK
    from server.alerting.payloads import alert_payload
    from server.api.interventions import intervention_body
    from server.api.monitoring import figures_body
    from tandem.store import Window, open_store

    until = datetime.now(UTC)
    window = Window(until - timedelta(seconds=window_s), until)
    with closing(open_store(settings.store, settings.data_dir)) as store:
        change, looked, requests = store.champion_change(), store.last_turn(LOOK), store.retraining_requests()
        return {
            "monitoring": {
                "champion": change.label if change else settings.answer.champion,
                "passages_only": store.forced_degraded(),
                "all": figures_body(store.figures(window)).model_dump(mode="json"),
                "recipes": [figures_body(one).model_dump(mode="json") for one in with_votes(store, window)],
            },
            "alerts": {
                "looked_at": looked.isoformat() if looked else None,
                "alerts": [alert_payload(one, settings.alerts) for one in store.open_alerts()],
            },
            "interventions": {
                "interventions": [
                    intervention_body(one).model_dump(mode="json")
                    for one in store.interventions(limit=_SHOWN)
                ],
                "retraining": [{"adapter": one.adapter, "reason": one.reason} for one in requests],
            },
        }


def page(found: dict[str, Any], window_s: float) -> RenderableType:
    """What is shown."""
    told = found["monitoring"]
    head = f"champion {told['champion']}   the last {window_s:g} s   {datetime.now(UTC):%H:%M:%S} UTC"
    if told["passages_only"]:
        head += "   PASSAGES ALONE"
    parts: list[RenderableType] = [Text(head, style="bold"), _recipes([*told["recipes"], told["all"]])]
    alerts, done = found["alerts"], found["interventions"]
    if not alerts["alerts"]:
        parts.append(Text(f"no alert; looked at {alerts['looked_at'] or 'never'}", style="dim"))
    for one in alerts["alerts"][:_SHOWN]:
        parts.append(
            Text(f"{one['state']:<8} {one['rule']}: {one['summary']}", _STYLES.get(one["state"], ""))
        )
    for one in done["interventions"]:
        note = f": {one['note']}" if one["note"] else ""
        parts.append(
            Text(f"{one['state']:<8} {one['kind']} {one['subject']} ({one['rule']}) {one['id']}{note}")
        )
    for one in done["retraining"]:
        parts.append(Text(f"retrain  {one['adapter'] or 'an adapter'}: {one['reason']}"))
    return Group(*parts)


def _recipes(figures: list[dict[str, Any]]) -> Table:
    """A row a recipe; a narrow terminal has fewer columns, a wide one intervals besides."""
    wide = stdout.width >= _WIDE
    cells: dict[str, Callable[[dict[str, Any]], str]] = {
        "recipe": lambda one: escape(one["recipe"]) or "all",
        "answers": lambda one: str(one["answers"]),
        "unknown": lambda one: _share(one["abstained_share"], wide),
        "failed": lambda one: _share(one["failed_share"], wide),
        "cited": lambda one: _share(one["cited_mean"], wide),
        "quality": lambda one: _share(one["quality_mean"], wide),
        "against": lambda one: f"{one['disliked']} of {one['liked'] + one['disliked']}",
        "first token": lambda one: _duration(one["first_token_ms"]),
    }
    if wide:
        cells |= {
            "degraded": lambda one: _share(one["degraded_share"], wide),
            "empty": lambda one: _share(one["empty_share"], wide),
            "whole": lambda one: _duration(one["total_ms"]),
            "tokens": lambda one: f"{one['tokens_in'] + one['tokens_out']:,}",
        }
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name in cells:
        table.add_column(name, justify="left" if name == "recipe" else "right", no_wrap=True)
    for one in figures:
        table.add_row(*(cell(one) for cell in cells.values()))
    return table


def _share(found: dict[str, Any] | None, with_interval: bool) -> str:
    if found is None:
        return "-"
    if not with_interval or found["low"] is None or found["high"] is None:
        return f"{found['value']:.0%}"
    return f"{found['value']:.0%} [dim]{found['low']:.0%}-{found['high']:.0%}[/dim]"


def _duration(found: dict[str, Any]) -> str:
    """Median and 95th percentile, in seconds."""
    if found["p50"] is None:
        return "-"
    return f"{found['p50'] / 1000:.2f} / {found['p95'] / 1000:.2f} s"
