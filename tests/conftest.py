"""Fixtures that several folders of tests use."""

from pathlib import Path

import pytest

_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real questions and documents; absent outside the workplace."""
    if not _DATA.is_dir():
        pytest.skip("../shared/data is not here")
    return _DATA
