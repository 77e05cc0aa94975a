"""What is due is made once, against what it was decided on and nothing else; the store is real."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from watched import NOW

from server.alerting.acting import act
from server.alerting.payloads import payloads_of
from server.alerting.watch import Watch
from server.services import Services
from tandem.errors import EngineUnavailableError
from tandem.monitoring.alert import Alert
from tandem.settings import AlertSettings, Settings
from tandem.store import Challenger, ExperimentState, Guards, Metric, Plan, Slice, Store, open_store
from tandem.vocabulary import Caller

BAD = "mine@0123456789ab"
ALERT = Alert(
    "a", "worse", BAD, "firing", "critical", "abstained_share", NOW, NOW, value=0.9, answers=40, before=0.1
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(Settings(data_dir=tmp_path).store, tmp_path)
    yield store
    store.close()


class Adapters:
    """Of the adapters' part, what a rollback asks: whether the model is there."""

    fault: Exception | None = None

    def __init__(self) -> None:
        self.ensured: list[str] = []

    async def ensure(self, model: str) -> None:
        if self.fault:
            raise self.fault
        self.ensured.append(model)

    def is_everywhere(self, model: str) -> bool:
        return True

    def is_registered(self, model: str) -> bool:
        return "@" in model


def watching(store: Store, folder: Path, model: str = "base", **changes: Any) -> Watch:
    book = SimpleNamespace(
        champion="rag", find=lambda label: SimpleNamespace(model=model), follow=lambda *_: None
    )
    alerts = AlertSettings.model_validate(changes)
    services = SimpleNamespace(
        store=store, settings=Settings(data_dir=folder, alerts=alerts), recipes=book, adapters=Adapters()
    )
    return Watch(cast(Services, services), (), payloads_of(alerts))


def due(store: Store, kind: str, target: dict[str, Any] | None = None, cause: str = "c") -> str:
    made = store.open_intervention(
        kind, ALERT, cause, target or {}, Guards(9, 60, 60), datetime.now(UTC), ask=False
    )
    assert made is not None
    return made.id


def promoted(store: Store) -> dict[str, Any]:
    change = store.set_champion("mine", "0123456789ab", author="ann", reason="New", initial="rag")
    return {"change": change.number, "champion": change.label, "before": "rag"}


async def test_a_rollback_says_who_and_why_in_the_history(store: Store, tmp_path: Path) -> None:
    made, watch = due(store, "rollback", promoted(store)), watching(store, tmp_path, "legal@1")
    await act(watch)
    now = store.champion_change()
    assert now is not None and (now.label, now.author) == ("rag", "tandem")
    assert now.reason == f"Intervention {made}: worse of {BAD}, abstained_share 0.9 of 40 answers, before 0.1"
    done = store.intervention(made)
    assert (done.state, done.result) == ("done", {"change": now.number, "champion": "rag"})
    assert watch.services.adapters.ensured == ["legal@1"]  # type: ignore[attr-defined]


async def test_a_champion_that_somebody_has_changed_meanwhile_stays(store: Store, tmp_path: Path) -> None:
    made = due(store, "rollback", promoted(store))
    store.set_champion("better", "cdef01234567", author="ann", reason="", initial="rag")
    await act(watching(store, tmp_path))
    now = store.champion_change()
    assert now is not None and now.label == "better@cdef01234567"
    assert (store.intervention(made).state, "somebody else" in store.intervention(made).note) == (
        "failed",
        True,
    )


async def test_a_champion_whose_model_cannot_be_loaded_is_not_gone_back_to(
    store: Store, tmp_path: Path
) -> None:
    made, watch = due(store, "rollback", promoted(store)), watching(store, tmp_path)
    watch.services.adapters.fault = EngineUnavailableError("The engine is starting")  # type: ignore[attr-defined]
    await act(watch)
    now = store.champion_change()
    assert now is not None and now.label == BAD
    assert store.intervention(made).note == "The engine is starting"


async def test_what_a_server_did_before_it_died_is_not_done_again(store: Store, tmp_path: Path) -> None:
    made = due(store, "rollback", promoted(store))
    store.rollback_champion(author="tandem", reason=f"Intervention {made}: worse", expected=BAD)
    await act(watching(store, tmp_path))
    assert len(store.champion_history()) == 3
    assert store.intervention(made).state == "done"


async def test_an_experiment_is_stopped(store: Store, tmp_path: Path) -> None:
    by = Caller(subject="ann")
    plan = Plan("split", (Challenger("new", BAD, 0.5, 0.5),), "user", Metric.ABSTAINED, False, 0.05)
    made = store.add_experiment("lively", plan, by)
    store.start_experiment(
        "lively",
        lambda one, others: {"slices": (Slice(0, 5_000, "new"),), "champion": "rag@1", "served": "rag"},
        by,
    )
    intervention = due(store, "stop_experiment", {"experiment": made.id})
    await act(watching(store, tmp_path))
    stopped = store.experiment("lively")
    assert (stopped.state, intervention in stopped.why) == (ExperimentState.STOPPED, True)
    again = due(store, "stop_experiment", {"experiment": made.id}, "other")
    await act(watching(store, tmp_path))
    assert store.intervention(again).state == "failed", "it is stopped once only"


async def test_retraining_is_asked_for_the_champions_adapter(store: Store, tmp_path: Path) -> None:
    due(store, "retrain")
    await act(watching(store, tmp_path, "legal@3"))
    assert [one.adapter for one in store.retraining_requests()] == ["legal"]


async def test_a_webhook_hears_of_what_was_made(store: Store, tmp_path: Path) -> None:
    made = due(store, "degrade")
    await act(watching(store, tmp_path, webhook="https://example.org/hook"))
    assert store.forced_degraded()
    (notice,) = store.claim_deliveries(datetime.now(UTC))
    assert (notice.payload["id"], notice.payload["state"]) == (made, "done")
    assert notice.payload["runbook"].endswith("runbook.md#worse")
