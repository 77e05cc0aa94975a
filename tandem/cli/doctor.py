"""`tandem doctor`: checks what Tandem needs, and says what to do about each failure."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

from packaging.requirements import Requirement
from rich.markup import escape

from ingest.child import ParserChildren
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import running_server
from tandem.errors import TandemError
from tandem.models import resolve_source
from tandem.settings import Settings, read_settings

_NEEDED_GIB = 5
_GIB = 1024**3
_VLLM_VERSION = """
from importlib.metadata import packages_distributions, version
name = packages_distributions()["vllm"][0]
print(name, version(name))
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was seen, and what to do if it failed."""

    check: str
    state: Literal["ok", "warning", "failed"]
    seen: str
    todo: str = ""


def run_checks(*, as_json: bool) -> bool:
    """Run and print all checks; true if none failed."""
    try:
        settings = read_settings()
    except TandemError as error:
        findings = [Finding("settings", "failed", error.message, error.hint or "")]
    else:
        checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
            _python, _packages, _engine, _models, _ports, _folder, _gpu, _parsers,
        )  # fmt: skip
        findings = [Finding("settings", "ok", "read")]
        findings += [finding for check in checks for finding in check(settings)]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _print(finding)
    return all(finding.state != "failed" for finding in findings)


def _print(finding: Finding) -> None:
    color = {"ok": "green", "warning": "yellow", "failed": "bold red"}[finding.state]
    stdout.print(f"[{color}]{finding.state:<8}[/{color}] {finding.check:<12} {escape(finding.seen)}")
    if finding.todo:
        stdout.print(f"         {'':<12} {escape(finding.todo)}")


def _python(settings: Settings) -> Iterator[Finding]:
    seen = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Finding(
        "python", "ok" if good else "failed", seen, "" if good else "Use Python 3.11, 3.12 or 3.13."
    )


def _packages(settings: Settings) -> Iterator[Finding]:
    """Installed versions against the pins."""
    wrong = []
    for line in requires("tandem-rag") or []:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            wrong.append(f"{requirement.name} {installed} is not {requirement.specifier}")
    if wrong:
        yield Finding("packages", "failed", "; ".join(wrong), "Run `make setup`.")
    else:
        yield Finding("packages", "ok", "as pinned")


def _engine(settings: Settings) -> Iterator[Finding]:
    engine = settings.engine
    if engine.address:
        yield Finding("engine", "ok", f"at {', '.join(engine.addresses or (engine.address,))}")
        return
    if not engine.python.exists():
        yield Finding(
            "engine", "failed", f"{engine.python} is missing", "Run `make setup`, or set engine.python."
        )
        return
    command = [str(engine.python), "-c", _VLLM_VERSION]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if asked.returncode:
        yield Finding("engine", "failed", "vLLM is not installed there", "Run `make setup`.")
    else:
        yield Finding("engine", "ok", asked.stdout.strip())


def _models(settings: Settings) -> Iterator[Finding]:
    sources = {"embedder": settings.embedding.model}
    if not settings.engine.address:
        sources["model"] = settings.engine.model
    for name, source in sources.items():
        try:
            resolve_source(source)
        except TandemError as error:
            yield Finding(name, "failed", error.message, error.hint or "")
        else:
            yield Finding(name, "ok", source)


def _ports(settings: Settings) -> Iterator[Finding]:
    with running_server(settings) as client:
        if client is not None:
            yield Finding("ports", "ok", f"a Tandem server runs at {client.base_url}")
            return
    wanted = {"server.port": (settings.server.host, settings.server.port)}
    if not settings.engine.address:
        wanted["engine.port"] = ("127.0.0.1", settings.engine.port)
    for name, (host, port) in wanted.items():
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                todo = f"Stop the program that has it, or set {name}."
                yield Finding(name, "failed", f"{host}:{port}: {error.strerror}", todo)
            else:
                yield Finding(name, "ok", f"{host}:{port} is free")


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    standing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(standing, os.W_OK):
        yield Finding(
            "data folder", "failed", f"{standing} is not writable", "Set data_dir to a folder that is."
        )
        return
    yield Finding("data folder", "ok", str(folder))
    free = shutil.disk_usage(standing).free / _GIB
    enough = free >= _NEEDED_GIB
    todo = "" if enough else f"Free at least {_NEEDED_GIB} GiB, or set data_dir to another disk."
    yield Finding("disk", "ok" if enough else "failed", f"{free:.1f} GiB free", todo)


def _gpu(settings: Settings) -> Iterator[Finding]:
    if shutil.which("nvidia-smi") is None:
        yield Finding("gpu", "ok", "none; vLLM's CPU build is used")
        return
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if asked.returncode:
        yield Finding(
            "gpu", "warning", "nvidia-smi fails", "Check the driver; without it the CPU build is used."
        )
    else:
        yield Finding("gpu", "ok", asked.stdout.strip().replace("\n", "; "))


def _parsers(settings: Settings) -> Iterator[Finding]:
    """What keeps a parser from doing harm on this system, and whether text can be recognised."""
    children = ParserChildren(settings.ingest)
    try:
        holds = children.holds()
    finally:
        children.close()
    strong = "seccomp" in holds or "namespace" in holds
    yield Finding(
        "parsers",
        "ok" if strong else "warning",
        f"confined by {', '.join(holds)}",
        "" if strong else "This system confines parsers by limits alone: ingest only files that you trust.",
    )
