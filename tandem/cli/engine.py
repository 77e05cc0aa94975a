"""`tandem engine`: vLLM in the foreground, in this process's place."""

import os

from tandem.cli.output import progress
from tandem.engine.adapters import check_adapters
from tandem.engine.launch import engine_command, engine_environment, has_cuda
from tandem.errors import SettingsError
from tandem.models import prepare_model
from tandem.settings import Settings


def run_engine(settings: Settings, host: str, port: int | None) -> None:
    """Become vLLM; its exit code is this process's. Raises `SettingsError` where vLLM's interpreter is missing."""
    wanted = settings.engine if port is None else settings.engine.model_copy(update={"port": port})
    if not os.access(wanted.python, os.X_OK):
        raise SettingsError(
            f"vLLM's interpreter {wanted.python} is missing",
            param="engine.python",
            hint="Run `make setup`, or set engine.python.",
        )
    check_adapters(wanted)
    model = prepare_model(wanted.model, settings.data_dir, progress)
    command = engine_command(wanted, model, cuda=has_cuda(), host=host)
    environment = engine_environment(wanted, os.environ)
    if wanted.api_key:
        environment["VLLM_API_KEY"] = wanted.api_key  # not on the command line, which everybody may read
    progress(f"vLLM listens on {host}:{wanted.port}")
    os.execve(command[0], command, environment)  # noqa: S606 - no shell, and in our place on purpose
