"""From which distance on a tenant's questions are called outside of the domain."""

from dataclasses import asdict, replace

from sqlalchemy import delete, insert, select

from tandem.store.audit import append_audit
from tandem.store.drift_records import OutsideCalibration
from tandem.store.drift_schema import outside_calibrations
from tandem.store.transactions import Transactions, lock


class OutsideCalibrations(Transactions):
    """The newest calibration of each tenant."""

    def set_outside_calibration(self, calibration: OutsideCalibration, subject: str) -> OutsideCalibration:
        """Let it hold from now on; it gets the next number."""
        tenant = calibration.tenant
        with self._writing() as connection:
            lock(connection, f"outside calibration {tenant}")
            mine = outside_calibrations.c.tenant == tenant
            last = connection.execute(select(outside_calibrations.c.number).where(mine)).scalar() or 0
            made = replace(calibration, number=last + 1)
            connection.execute(delete(outside_calibrations).where(mine))
            connection.execute(insert(outside_calibrations).values(asdict(made)))
            append_audit(
                connection,
                tenant=tenant,
                subject=subject,
                action="outside_calibration.set",
                object=tenant,
                details={"number": made.number, "source": made.source, "false_alarms": made.false_alarms},
            )
        return made

    def outside_calibration(self, tenant: str) -> OutsideCalibration | None:
        """What holds for a tenant; `None` where nothing was calibrated yet."""
        query = select(outside_calibrations).where(outside_calibrations.c.tenant == tenant)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else OutsideCalibration(**row._mapping)

    def outside_calibration_moments(self) -> dict[str, tuple[int, str]]:
        """Number and moment of every tenant's, by which a server sees that it has another now."""
        table = outside_calibrations.c
        with self._reading() as connection:
            rows = connection.execute(select(table.tenant, table.number, table.made_at)).all()
        return {tenant: (number, made_at.isoformat()) for tenant, number, made_at in rows}
