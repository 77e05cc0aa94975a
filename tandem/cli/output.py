"""How the command line speaks: progress and errors to stderr, results to stdout."""

import json
import sys
from typing import Any

import structlog
from rich.console import Console
from rich.markup import escape

from tandem.errors import TandemError

stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def progress(step: str) -> None:
    """Say what is being done."""
    stderr.print(f"[dim]›[/dim] {escape(step)}")


def log_to_stderr() -> None:
    """Let what is logged go where progress goes: a program reads results alone from stdout."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def print_error(error: TandemError) -> None:
    """The same message as in an HTTP body, and what to do."""
    stderr.print(f"[bold red]Error[/bold red] ({error.type}): {escape(error.message)}")
    if error.hint:
        stderr.print(f"  {escape(error.hint)}")


def print_json(value: Any) -> None:
    """One JSON document, for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
