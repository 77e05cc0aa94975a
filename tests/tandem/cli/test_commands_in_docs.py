"""What the pages tell a reader to type is a command that there is, with options that it has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

from tandem.cli import app

_ROOT = Path(__file__).parents[3]
# docs/cli.md is written from the commands themselves.
_PAGES = [
    *(page for page in sorted((_ROOT / "docs").glob("*.md")) if page.name != "cli.md"),
    _ROOT / "README.md",
    _ROOT / "compose.yaml",
    *sorted((_ROOT / "k8s").rglob("*.yaml")),
]
_COMMAND = re.compile(r"(?:^|[`\s(/])tandem ([a-z][^\n`|)#\"]*)")


def commands_in(text: str) -> Iterator[list[str]]:
    """Each command's words, those that go on in the next line with it; `tandem` in a sentence is none."""
    known = typer.main.get_command(app).commands
    for found in _COMMAND.finditer(text.replace("\\\n", " ")):
        words = found[1].split()
        if words[0] in known:
            yield words


def commands_of_containers() -> Iterator[list[str]]:
    """What the images of Tandem's own run: by the Dockerfile, by compose.yaml, by the manifests."""
    dockerfile = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
    for found in re.findall(r"^CMD (\[.*\])$", dockerfile, re.M):
        yield json.loads(found)
    compose = yaml.safe_load((_ROOT / "compose.yaml").read_text(encoding="utf-8"))
    for service in compose["services"].values():
        if service["image"].startswith("tandem-") and "command" in service:
            yield service["command"]
    for file in sorted((_ROOT / "k8s").rglob("*.yaml")):
        for container in _containers([*yaml.safe_load_all(file.read_text(encoding="utf-8"))]):
            ours = container.get("image", "").startswith("tandem-")
            if ours and "args" in container and "command" not in container:
                yield container["args"]


def _containers(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for inner in value:
            yield from _containers(inner)
    if isinstance(value, dict):
        yield from value.get("containers", [])
        yield from value.get("initContainers", [])
        for inner in value.values():
            yield from _containers(inner)


def wrong_in(words: list[str]) -> Iterator[str]:
    """A subcommand or an option that there is not."""
    command: Any = typer.main.get_command(app)
    left = list(words)
    while left and left[0] in getattr(command, "commands", ()):
        command = command.commands[left.pop(0)]
    if hasattr(command, "commands") and left and re.fullmatch(r"[a-z][a-z-]*", left[0]):
        yield f"tandem {' '.join(words)}: no command {left[0]}"
        return
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
    for word in left:
        name = word.rstrip(".,;:").split("=")[0]
        if name.startswith("--") and name not in options:
            yield f"tandem {' '.join(words)}: no option {name}"


def test_every_command_in_the_pages_is_there() -> None:
    found = [words for page in _PAGES for words in commands_in(page.read_text(encoding="utf-8"))]
    assert len(found) > 200
    assert [fault for words in found for fault in wrong_in(words)] == []


def test_every_command_of_a_container_is_there() -> None:
    found = [*commands_of_containers()]
    known = typer.main.get_command(app).commands
    assert len(found) > 10
    assert [words for words in found if words[0] not in known] == []
    assert [fault for words in found for fault in wrong_in(words)] == []


def test_a_wrong_subcommand_and_a_wrong_option_are_seen() -> None:
    assert list(wrong_in(["keys", "creat", "--name", "me"])) == [
        "tandem keys creat --name me: no command creat"
    ]
    assert list(wrong_in(["up", "--port", "1", "--nodemo"])) == [
        "tandem up --port 1 --nodemo: no option --nodemo"
    ]
