"""Brings an index of one shard for all tenants, as it was made before, into a shard for each."""

import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import qdrant_edge as qe
import structlog

from tandem.index.tenants import Tenants

log = structlog.get_logger(__name__)

_BATCH = 1_024


def move_to_tenants(folder: Path, recorded: Mapping[str, object], tenants: Tenants) -> None:
    """Write every chunk of the one shard into its tenant's. A stop in between does no harm: it begins again."""
    log.info("the index is brought into a shard for each tenant; this is done once", folder=str(folder))
    old = qe.EdgeShard.load(str(folder / str(recorded.get("shard", "shard"))))
    start: qe.PointId | None = None
    while True:
        records, start = old.scroll(
            qe.ScrollRequest(offset=start, limit=_BATCH, with_payload=True, with_vector=True)
        )
        points = defaultdict(list)
        for each in records:
            payload = each.payload or {}
            points[str(payload["tenant"])].append(qe.Point(each.id, each.vector or {}, payload))
        for tenant, of_tenant in points.items():
            with tenants.making(tenant) as shard:
                shard.take(of_tenant, 0.0)
        if start is None:
            break
    old.close()


def remove_former(folder: Path) -> None:
    """Remove what the former layout has left."""
    for place in (*folder.glob("shard*"), *folder.glob("unfinished-*")):
        shutil.rmtree(place)
