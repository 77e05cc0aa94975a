"""The sizes of images are of the packages that the Dockerfile installs."""

import json
import platform
import re
from pathlib import Path

import pytest

from bench.installed import _RESULT, SETS, closure

_DOCKERFILE = (Path(__file__).parents[2] / "Dockerfile").read_text()


def test_the_extras_are_those_of_the_dockerfile() -> None:
    stages = {"server": "app", "ingest": "app-ingest", "train": "app-train", "eval": "app-eval"}
    for target, stage in stages.items():
        found = re.search(rf"AS {stage}\n(?:(?:ARG|ENV).*\n)*RUN EXTRAS=(\S+)", _DOCKERFILE)
        assert found is not None
        assert found[1] == SETS[target]


def test_what_is_needed_is_found_through_what_it_needs() -> None:
    bare, _ = closure(set())
    with_database, _ = closure({"postgres"})
    assert {"tandem-rag", "torch", "starlette"} <= bare  # the last by way of fastapi
    assert {"psycopg", "psycopg-binary"} <= with_database - bare


@pytest.mark.parametrize("target", SETS)
def test_the_kept_sizes_are_of_the_packages_that_are_asked_for_today(target: str) -> None:
    kept = json.loads(_RESULT.read_text())
    found, missing = closure(set(SETS[target].split(",")))
    counted_with, here = kept["machine"]["python"].split(".")[:2], [*platform.python_version_tuple()[:2]]
    if counted_with != here:
        pytest.skip("another Python asks for other packages")
    if missing:
        pytest.skip(f"what is not installed cannot be counted: {', '.join(sorted(missing))}")
    assert kept[target]["packages"] == len(found), (
        "run `python -m bench.installed` and `-m bench.capacity_page`"
    )
