"""The command line. Progress goes to stderr, results to stdout; exit code 1 for a fault, 2 for wrong usage."""

from tandem.cli.main import app, main

__all__ = ["app", "main"]
