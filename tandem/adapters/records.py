"""Between what the store keeps of a version and the version itself."""

from dataclasses import fields

from tandem.adapters.version import AdapterFacts, AdapterVersion
from tandem.store import AdapterRow


def version_of(row: AdapterRow) -> AdapterVersion:
    """The version that a row is of."""
    return AdapterVersion(
        name=row.name,
        number=row.number,
        facts=AdapterFacts(**{one.name: getattr(row, one.name) for one in fields(AdapterFacts)}),
        rank=row.rank,
        files=row.files,
        size=row.size,
        created_at=row.created_at,
        author=row.author,
        note=row.note,
        tags=row.tags,
        sizes=row.sizes,
        unserved=tuple(row.unserved),
    )


def row_of(version: AdapterVersion) -> AdapterRow:
    """What the store keeps of a version."""
    facts = version.facts
    return AdapterRow(
        name=version.name,
        number=version.number,
        base=facts.base,
        base_hash=facts.base_hash,
        data_hash=facts.data_hash,
        rank=version.rank,
        size=version.size,
        seconds=facts.seconds,
        author=version.author,
        note=version.note,
        created_at=version.created_at,
        unserved=list(version.unserved),
        files=version.files,
        sizes=version.sizes,
        parameters=facts.parameters,
        metrics=facts.metrics,
        tags=version.tags,
    )
