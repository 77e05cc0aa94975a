"""Tests that need tesseract's data, which is a package of the system."""

import os
from pathlib import Path

import pytest

_FOLDERS = [
    Path(os.environ.get("TESSDATA_PREFIX", "/nowhere")),
    *Path("/usr/share").glob("tesseract-ocr/*/tessdata"),
]

needs_tesseract = pytest.mark.skipif(
    not any((folder / "eng.traineddata").is_file() for folder in _FOLDERS),
    reason="tesseract's data for English is not installed: apt install tesseract-ocr-eng",
)
