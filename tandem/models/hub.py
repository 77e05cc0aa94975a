"""Fetching from the Hugging Face hub: safetensors and texts only, never pickles or code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.errors import ModelSourceError
from tandem.models.disk import require_space
from tandem.models.folder import check_folder
from tandem.models.sources import HubSource

_WANTED = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
_MIB = 1024 * 1024


def download_snapshot(
    source: HubSource, folder: Path, report: Callable[[str], None], *, endpoint: str | None = None
) -> str:
    """Bring the files of a repository into `folder` and return the commit that they are of.

    What a broken-off download left in `folder` is used again. Raises `ModelSourceError` when the hub or
    the repository cannot be reached and `StorageError` when the disk is too small.
    """
    from huggingface_hub import snapshot_download

    with _hub_errors(source):
        planned = snapshot_download(
            source.repository,
            revision=source.revision,
            local_dir=folder,
            allow_patterns=list(_WANTED),
            dry_run=True,
            endpoint=endpoint,
        )
        if not planned:
            raise ModelSourceError(
                f"{source.repository} has no files of a model", hint="Check the name on the hub."
            )
        missing = sum(file.file_size or 0 for file in planned if file.will_download)
        require_space(folder, missing)
        report(f"Fetching {source.repository}: {len(planned)} files, {missing // _MIB} MiB to go")
        commit = planned[0].commit_hash
        # By the commit, so that a push in the middle cannot mix two versions.
        snapshot_download(
            source.repository,
            revision=commit,
            local_dir=folder,
            allow_patterns=list(_WANTED),
            endpoint=endpoint,
        )
    return commit


def cached_snapshot(source: HubSource) -> Path:
    """The repository's folder in the hub library's own cache, fetched if it is not there whole.

    The hub is asked only when something is missing. Raises `ModelSourceError`.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    wanted = list(_WANTED)
    try:
        folder = Path(
            snapshot_download(
                source.repository, revision=source.revision, allow_patterns=wanted, local_files_only=True
            )
        )
        check_folder(folder)
    except (LocalEntryNotFoundError, ModelSourceError):
        with _hub_errors(source):
            fetched = snapshot_download(source.repository, revision=source.revision, allow_patterns=wanted)
        folder = Path(fetched)
        check_folder(folder)
    return folder


@contextmanager
def _hub_errors(source: HubSource) -> Iterator[None]:
    """Turn what the hub's library raises for a network, a name or a right into `ModelSourceError`."""
    from huggingface_hub.errors import (
        DryRunError,
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise ModelSourceError(
            f"{source.repository} is behind a gate",
            hint="Accept its licence on the hub, then run `hf auth login`.",
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelSourceError(
            f"The hub has no {source.repository}, or shows it only to its members",
            hint="Check the name; for a private model run `hf auth login`.",
        ) from error
    except (
        HfHubHTTPError,
        DryRunError,
        EntryNotFoundError,
        HFValidationError,
        ConnectionError,
        TimeoutError,
    ) as error:
        raise ModelSourceError(
            f"{source.repository} cannot be fetched: {str(error).splitlines()[0]}",
            hint="Check the network and start again; what has arrived is kept.",
        ) from error
