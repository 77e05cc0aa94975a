"""Reads uploaded files from forms, within bounds."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import PureWindowsPath

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ingest.accept import Upload
from tandem.access_groups import checked_groups
from tandem.errors import InvalidRequestError, TooLargeError

_FORM_BYTES = 64 * 1024
"""What a form may weigh beside a file."""

_MOST_FILES = 1_000
_MORE_FIELDS = 104
"""Beside an address for each file: access groups, and whatever a form holds without our asking."""


async def one_upload(request: Request, max_bytes: int) -> Upload:
    """The form's one file, of at most `max_bytes`. Raises `InvalidRequestError` and `TooLargeError`."""
    form = await _form_of(request, max_bytes, most_files=1)
    try:
        file, uri = form.get("file"), form.get("uri")
        if not isinstance(file, UploadFile) or not file.filename:
            raise InvalidRequestError(
                "The form has no file",
                param="file",
                hint="Send multipart/form-data with a file in the field `file`.",
            )
        if uri is not None and not isinstance(uri, str):
            raise InvalidRequestError("uri must be text", param="uri")
        name = _name_of(file.filename)
        content = await file.read()
        return Upload(uri=uri or name, name=name, content=content, groups=_groups_of(form))
    finally:
        await form.close()


async def uploads(request: Request, max_bytes: int) -> list[Upload]:
    """All files of the form, of at most `max_bytes` together; a file's address is its name, or its `uri`.

    Fields `uri`, if there are any, stand in the order of the files. Raises as `one_upload`.
    """
    form = await _form_of(request, max_bytes, most_files=_MOST_FILES)
    try:
        files = [value for value in form.getlist("files") if isinstance(value, UploadFile)]
        addresses = [value for value in form.getlist("uri") if isinstance(value, str)]
        if not files or not all(file.filename for file in files):
            raise InvalidRequestError(
                "The form has no files",
                param="files",
                hint="Send multipart/form-data with one field `files` for each file.",
            )
        if addresses and len(addresses) != len(files):
            raise InvalidRequestError(
                f"The form has {len(files)} files and {len(addresses)} addresses",
                param="uri",
                hint="Send one uri for each file, in the same order, or none.",
            )
        if sum(file.size or 0 for file in files) > max_bytes:
            raise _too_large(max_bytes)
        names = [_name_of(file.filename or "") for file in files]
        addresses = addresses or names
        _refuse_twice(addresses)
        groups = _groups_of(form)
        return [
            Upload(uri, name, await file.read(), groups=groups)
            for uri, name, file in zip(addresses, names, files, strict=True)
        ]
    finally:
        await form.close()


def _groups_of(form: FormData) -> tuple[str, ...] | None:
    """The access groups that the form names: each in a field `group`, or `everyone=true` for none.

    `None` where it says nothing of them. Raises `InvalidRequestError`.
    """
    named = [value for value in form.getlist("group") if isinstance(value, str)]
    everyone = form.get("everyone")
    if everyone not in (None, "true", "false"):
        raise InvalidRequestError("everyone must be true or false", param="everyone")
    if everyone == "true" and named:
        raise InvalidRequestError("Name access groups or everyone, not both", param="group")
    return checked_groups(named) if named or everyone == "true" else None


def _refuse_twice(addresses: Sequence[str]) -> None:
    """Of two documents at one address a job would take the first, and the other would be lost unseen."""
    seen: set[str] = set()
    for address in addresses:
        if address in seen:
            raise InvalidRequestError(
                f"Two files have the address {address[:200]!r}",
                param="uri",
                hint="Send a field `uri` for each file, in their order.",
            )
        seen.add(address)


def _name_of(filename: str) -> str:
    """A browser may send a path; the name is its last part, whichever way its slashes lean."""
    return PureWindowsPath(filename).name or filename


async def _form_of(request: Request, max_bytes: int, most_files: int) -> FormData:
    """The form, read no further than `max_bytes` of files need."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidRequestError(
            "The body is not multipart/form-data",
            param="file",
            hint="Send files as a form.",
        )
    limit = max_bytes + _FORM_BYTES * most_files
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(max_bytes)
    parser = MultiPartParser(
        request.headers,
        _bounded(request.stream(), limit, max_bytes),
        max_files=most_files,
        max_fields=most_files + _MORE_FIELDS,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise InvalidRequestError(f"The form cannot be read: {error.message}", param="file") from error


async def _bounded(stream: AsyncIterator[bytes], limit: int, max_bytes: int) -> AsyncGenerator[bytes, None]:
    seen = 0
    async for part in stream:
        seen += len(part)
        if seen > limit:
            raise _too_large(max_bytes)
        yield part


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(
        f"The file is larger than {max_bytes / 1024**2:g} MiB",
        param="file",
        hint="Split the file, or raise ingest.max_file_mb.",
    )
