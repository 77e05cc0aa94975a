"""The way of a document: accepted, parsed, split, embedded, indexed; replaced or removed in one step."""

from ingest.accept import Upload
from ingest.pipeline import Ingestor
from ingest.reading import DocumentReport

__all__ = ["DocumentReport", "Ingestor", "Upload"]
