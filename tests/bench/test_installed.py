"""The sizes of images are of the packages that the Dockerfile installs."""

import re
from pathlib import Path

from bench.installed import SETS, closure

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
