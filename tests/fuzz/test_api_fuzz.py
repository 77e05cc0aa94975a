"""Requests made up from the API's own description: none brings the server down, and none gets by without a key."""

import os
from pathlib import Path

import pytest
from fake_vllm import FakeVllm

from bench.fuzz import fuzz, served_with_keys

CASES = int(os.environ.get("FUZZ_CASES", "1500"))


@pytest.mark.timeout(900)
def test_made_up_requests_meet_no_fault_no_open_door_and_what_the_description_says(tmp_path: Path) -> None:
    with FakeVllm.serving() as fake, served_with_keys(fake.address, tmp_path) as (app, url, key):
        counts = fuzz(app, url, key, CASES)
    assert counts.cases >= CASES
    assert counts.operations > 50
    found = (counts.server_errors, counts.unauthenticated_successes, counts.schema_breaks)
    assert found == (0, 0, 0), "\n\n".join(counts.examples)
    # It went past the door, and into the house.
    assert counts.statuses.get("200", 0) > CASES / 50
    assert counts.statuses.get("401", 0) == 0
    assert counts.statuses_without_key["401"] > 0.8 * counts.cases
