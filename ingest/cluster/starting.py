"""Joins a Ray cluster, or starts one on this machine, for as long as a job takes."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from tempfile import TemporaryDirectory

from tandem.errors import SettingsError, UnavailableError
from tandem.settings import RaySettings

_OBJECT_STORE_BYTES = 512 * 1024**2
"""For what is between two steps on one machine; what is over it goes to disk."""


@contextmanager
def cluster(settings: RaySettings) -> Iterator[None]:
    """A connection to the cluster; all that was started ends with it. Blocking, for seconds.

    What Ray prints goes to stderr. Raises `SettingsError` where Ray is not installed or the address is of
    a kind that does not do, `UnavailableError` where no cluster answers.
    """
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"--engine ray needs the package {error.name}", hint="pip install 'tandem-rag[ray]'"
        ) from error
    if settings.address is not None and settings.address.startswith("ray://"):
        raise SettingsError(
            "Ray's client protocol cannot be used for an ingestion",
            param="ray.address",
            hint="Run the command on a machine of the cluster, with ray.address `auto`.",
        )
    # A folder of its own, with a short name: the path of a socket has at most 107 bytes.
    with TemporaryDirectory(prefix="tandem-ray-", ignore_cleanup_errors=True) as folder:
        here = {
            "num_cpus": settings.readers + settings.embedders,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "include_dashboard": False,
            "_temp_dir": folder,
        }
        # Ray prints messages of its own on stdout, where our events may be read by a machine.
        with redirect_stdout(sys.stderr):
            try:
                ray.init(
                    settings.address or "local",
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **({} if settings.address else here),
                )
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise UnavailableError(
                    f"There is no Ray cluster: {error}", hint="Check ray.address, or leave it out."
                ) from error
            try:
                _quieten(ray.data.DataContext.get_current())
                yield
            finally:
                ray.shutdown()


def _quieten(context: "ray.data.DataContext") -> None:  # type: ignore[name-defined]  # noqa: F821
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A batch that cannot be done costs its documents, which are tried again, and never the others.
    context.max_errored_blocks = -1
    # The only way to bound retries, until Ray 2.64.
    warnings.filterwarnings("ignore", message=r"`ray_remote_args`")
    warnings.filterwarnings("ignore", module=r"ray\.data\.")
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
