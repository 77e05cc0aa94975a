"""From the bytes of a file to its text and structure. All of it runs in the child process."""

from ingest.formats.reading import Options, Reading
from ingest.formats.table import read

__all__ = ["Options", "Reading", "read"]
