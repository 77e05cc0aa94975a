"""Ragas sends word of its use to its makers unless it is told not to, before it is imported."""

import logging
import os

from tandem.extras import require

_NEEDED = ("ragas", "instructor")


def untracked() -> None:
    """To be called before each import of Ragas: nothing leaves the machine but what a judge is asked.

    Raises `SettingsError` where Ragas is not installed.
    """
    require("A judge", _NEEDED, "eval")
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"
    # Every failed try would be printed; failures are counted and told with their reason.
    logging.getLogger("instructor").setLevel(logging.CRITICAL)
