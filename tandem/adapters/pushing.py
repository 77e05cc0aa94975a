"""Putting a version on the Hugging Face hub, or on one that speaks as it does."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tandem.adapters.registry import AdapterRegistry
from tandem.adapters.version import AdapterVersion
from tandem.adapters.version_file import CARD
from tandem.errors import InvalidRequestError, UnavailableError
from tandem.models import HubSource, resolve_source


def push_adapter(
    registry: AdapterRegistry,
    version: AdapterVersion,
    to: str,
    report: Callable[[str], None],
    *,
    private: bool = True,
    endpoint: str | None = None,
) -> str:
    """Put the files of a version into the repository `hub:OWNER/NAME` in one commit; gives its address.

    The card becomes the repository's `README.md`. The token is the hub library's: `HF_TOKEN`, or what
    `hf auth login` has kept; the hub's address is `HF_ENDPOINT`. A repository that is not there is made, private
    if so asked; one that is there stays as it is. Raises `InvalidRequestError` where the name or the right is
    wrong, `UnavailableError` where the hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfUriError

    source = resolve_source(to) if to.startswith("hub:") else None
    if not isinstance(source, HubSource) or source.revision is not None:
        raise InvalidRequestError(f"{to!r} is no repository of a hub", hint="--to hub:OWNER/NAME", param="to")
    folder = registry.verify(version)
    api = HfApi(endpoint=endpoint)
    with registry.workplace() as staged, _hub_errors(source.repository):
        for name in version.files:
            goal = "README.md" if name == CARD else name
            shutil.copyfile(folder / name, staged / goal)
        report(f"Pushing {version.ref} to {source.repository}: {len(version.files)} files")
        # Where it may not make one but one is there, the library stumbles over a hub that is not its own.
        with suppress(HfUriError):
            api.create_repo(source.repository, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=source.repository, folder_path=staged, commit_message=f"Adapter {version.ref}"
        )
    return str(commit.commit_url)


@contextmanager
def _hub_errors(repository: str) -> Iterator[None]:
    """What the hub's library raises, without the request: its headers hold the token."""
    from httpx2 import TransportError  # the one that the library speaks with
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    try:
        yield
    except LocalTokenNotFoundError as error:
        raise _no_right(repository) from error
    except HFValidationError as error:
        raise InvalidRequestError(f"{repository!r} is not a hub id", param="to") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403, 404):
            raise _no_right(repository) from error
        raise UnavailableError(
            f"The hub has not taken {repository}: status {status}",
            hint="Start again; nothing was half pushed.",
        ) from error
    except (TransportError, ConnectionError, TimeoutError) as error:
        raise UnavailableError(
            "The hub cannot be reached", hint="Check the network, or HF_ENDPOINT, and start again."
        ) from error


def _no_right(repository: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"The hub does not let this user write to {repository}",
        hint="Set HF_TOKEN to a token that may write, or run `hf auth login`, and check the name.",
        param="to",
    )
