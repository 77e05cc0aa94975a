"""What watching needs beside the services, made once at the start."""

from dataclasses import dataclass, field

from server.alerting.payloads import payloads_of
from server.alerting.subjects import Known
from server.services import Services
from tandem.alerting.ruleset import KnownRule, fixed_rules
from tandem.settings import AlertSettings
from tandem.store.alerts import Payloads


@dataclass(frozen=True, slots=True)
class Watch:
    """The services that are watched, the rules that do not change, and how an alert is put into words."""

    services: Services
    fixed: tuple[KnownRule, ...]
    payloads: Payloads
    past: Known = field(default_factory=dict)
    """Figures of windows that ended before a promotion."""

    @classmethod
    def of(cls, services: Services) -> "Watch":
        """Raises `SettingsError` for rules in a file that cannot be read."""
        settings = services.settings.alerts
        return cls(services, fixed_rules(settings), payloads_of(settings))

    @property
    def settings(self) -> AlertSettings:
        """The section `alerts`."""
        return self.services.settings.alerts
