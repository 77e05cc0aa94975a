"""Ingestion over a cluster: Ray reads, embeds and writes; jobs, versions and the store stay as they are.

`starting` can be imported without the extra `ray`, `runner` cannot.
"""

import os

# Ray reads these when it is imported, so they stand before any import of it.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")  # else a thread of it starts another Ray after the end
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else its core prints on our stderr
