"""The store as the services see it."""

from tandem.store.documents import Documents
from tandem.store.traces import Traces
from tandem.store.versions import Versions


class Store(Versions, Documents, Traces):
    """Documents, versions and traces in one database. Blocking; any thread may call.

    All methods raise `StorageError` when the disk refuses and `UnavailableError` when the database is
    locked or out of reach.
    """
