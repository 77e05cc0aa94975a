"""The chat page: one document, one stylesheet and a few modules, served from memory.

No build step, no framework and no other host: what is in `assets/` is what the browser runs.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request, Response

from tandem.errors import NotFoundError

_FOLDER = Path(__file__).parent
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Always asked for again, and answered with 304: the modules of two versions must never be mixed.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it is sent."""

    content: bytes
    media_type: str
    etag: str


def web_router() -> APIRouter:
    """Routes of the page: `/` and `/assets/NAME`. Reads the files once; an unknown name is a 404."""
    router = APIRouter(include_in_schema=False)
    page = _load(_FOLDER / "index.html")
    assets = {path.name: _load(path) for path in (_FOLDER / "assets").iterdir() if path.suffix in _TYPES}

    @router.api_route("/", methods=["GET", "HEAD"])
    async def chat_page(request: Request) -> Response:
        return _response(page, request)

    @router.api_route("/assets/{name}", methods=["GET", "HEAD"])
    async def asset(name: str, request: Request) -> Response:
        if name not in assets:
            raise NotFoundError(f"There is no asset {name!r}", param="name")
        return _response(assets[name], request)

    return router


def _load(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, _TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')


def _response(file: _File, request: Request) -> Response:
    """The file, or 304 where the browser already has it."""
    headers = _HEADERS | {"ETag": file.etag}
    known = request.headers.get("if-none-match", "")
    if file.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")} or known == "*":
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
