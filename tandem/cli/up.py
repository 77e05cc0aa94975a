"""`tandem up`: engine, API and page in one process, until Ctrl-C."""

import asyncio
import gc
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from server.app import create_app
from server.connections import protocol_of
from server.resilience import Drain
from server.services import Services
from tandem.cli.arenas import keep_arenas_few
from tandem.cli.credentials import write_local_key
from tandem.cli.first_key import print_first_key
from tandem.cli.first_light import first_light
from tandem.cli.output import progress, stdout
from tandem.cli.pauses import keep_pauses_short
from tandem.cli.remote import announce
from tandem.cli.stopping import Stop, longest_wait_s
from tandem.errors import ConflictError
from tandem.settings import Settings
from tandem.threads import in_thread


def serve(settings: Settings, *, demo: bool) -> None:
    """Serve until SIGINT or SIGTERM; every child has ended when this returns.

    Raises `ConflictError` for a port in use, and what opening the parts raises.
    """
    log_at(settings.log_level)
    keep_arenas_few()
    with _bound(settings.server.host, settings.server.port) as listener:
        app = create_app(settings, progress)
        config = uvicorn.Config(
            app,
            http=protocol_of(
                settings.limits, lambda reason: app.state.services.metrics.connection_cut(reason)
            ),
            lifespan="off",  # opened below, where its errors keep their type
            log_level=settings.log_level,
            access_log=False,
            timeout_graceful_shutdown=longest_wait_s(settings.server),
        )
        # uvicorn's own choice of loop, uvloop where there is one; `asyncio.run` would take the slow one.
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_serve(app, settings, config, listener, demo))
    # What is left goes with the process. To collect it one by one takes seconds, and a stop has few.
    gc.freeze()


async def _serve(
    app: FastAPI, settings: Settings, config: uvicorn.Config, listener: socket.socket, demo: bool
) -> None:
    server = _Server(config)
    Stop(server, settings.server, lambda: _drain_of(app)).listen()
    try:
        async with app.router.lifespan_context(app):
            services: Services = app.state.services
            if settings.identity.required:
                await in_thread(print_first_key, settings, services.store)
            notes = (announce(settings), write_local_key(settings, services.principals.local_key))
            ours = {note: note.read_bytes() for note in notes}
            await keep_pauses_short(app)
            try:
                async with asyncio.TaskGroup() as tasks:
                    light = tasks.create_task(first_light(app, settings, demo=demo))
                    await server.serve(sockets=[listener])
                    light.cancel()
                    progress("Stopping")
            finally:
                for note, text in ours.items():
                    # Another server may have left its own meanwhile.
                    if note.is_file() and note.read_bytes() == text:
                        note.unlink(missing_ok=True)
    except asyncio.CancelledError:
        if not server.should_exit:
            raise
    stdout.print("Stopped.")


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: it would raise them again before the engine has stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield


def _drain_of(app: FastAPI) -> Drain | None:
    services: Services | None = getattr(app.state, "services", None)
    return services.resilience.drain if services is not None else None


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to the address, so that a port in use is known before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise ConflictError(
                f"Cannot listen on {host}:{port}: {error.strerror}",
                param="server.port",
                hint="Another program has it: stop that, or choose another with --port.",
            ) from error
        yield listener


def log_at(level: str) -> None:
    """Log from this level on; libraries that say much, from warnings on."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=number, format="%(levelname)s %(name)s: %(message)s")
    for noisy in ("httpx", "httpcore", "openai", "sentence_transformers", "alembic"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))
