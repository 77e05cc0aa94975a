"""The command line. Progress goes to stderr, results to stdout. Exit code 1: a fault; 2: wrong usage."""

from tandem.cli.main import app, main

__all__ = ["app", "main"]
