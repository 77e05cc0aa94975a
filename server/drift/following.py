"""Keeps what this server judges by the same as in the store, and takes the steps of watching."""

import time
from datetime import UTC, datetime, timedelta

import structlog

from server.drift.domains import Known, known_of
from server.drift.training import training_domain
from server.drift.watching import watch
from server.services import Services
from tandem.adapters import AdapterRegistry
from tandem.errors import TandemError
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_TIDY_S = 600.0
_RECENT = timedelta(days=7)


class DomainFollower:
    """Brings calibrations that were made anywhere, and the training questions of the recipes' adapters."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._registry = AdapterRegistry(services.settings.data_dir, services.store)
        self._moments: dict[str, tuple[int, str]] = {}
        self._tried: set[str] = set()

    async def follow(self) -> None:
        """Take over what has changed. Raises what the store raises."""
        store, domains = self._services.store, self._services.domains
        moments = await in_thread(store.outside_calibration_moments)
        for tenant in self._moments.keys() - moments.keys():
            domains.tenants.pop(tenant, None)
        for tenant, moment in moments.items():
            if self._moments.get(tenant) != moment:
                calibration = await in_thread(store.outside_calibration, tenant)
                if calibration is not None:
                    domains.tenants[tenant] = known_of(calibration)
        self._moments = moments
        await self._follow_adapters()

    async def _follow_adapters(self) -> None:
        """Each once: a version never changes. One without the file, or with a broken one, is just not there."""
        book = self._services.recipes
        models = {book.find(name).model for name in book.names()} - self._tried
        for model in models:
            self._tried.add(model)
            if self._services.adapters.is_registered(model):
                try:
                    known = await in_thread(self._known_of, model)
                except TandemError as error:
                    log.warning("training_questions_not_read", adapter=model, error=error.message)
                    continue
                if known is not None:
                    self._services.domains.adapters[model] = known

    def _known_of(self, model: str) -> Known | None:
        folder = self._registry.folder_of(self._registry.get(model))
        return training_domain(folder, self._services.settings.drift.false_alarms, model)


class DriftWatch:
    """The steps of watching, for one server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tidied = 0.0

    async def step(self) -> None:
        """Look at what came since the last step, and tell the metrics. Raises what the store raises."""
        services = self._services
        await in_thread(watch, services.store, services.settings.drift)
        await self._tell()
        if time.monotonic() - self._tidied > _TIDY_S:
            await in_thread(self._tidy)
            self._tidied = time.monotonic()

    async def _tell(self) -> None:
        """From the store, so that every server says the same, whoever took the look."""
        newest = await in_thread(self._services.store.newest_drift_reports, datetime.now(UTC) - _RECENT)
        for series in {one.series for one in newest}:
            of_it = [one for one in newest if one.series == series]
            self._services.metrics.drifted(
                series, max(one.statistic for one in of_it), any(one.alarm for one in of_it)
            )

    def _tidy(self) -> None:
        store, settings = self._services.store, self._services.settings.drift
        before = datetime.now(UTC) - timedelta(days=settings.keep_days)
        store.trim_question_vectors(before, settings.keep)
        store.forget_drift_reports(before)
