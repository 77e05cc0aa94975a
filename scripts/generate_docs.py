"""Write the generated parts of docs/ (`--write`), or fail where they are not what the code says (`--check`).

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; what is around it is written by hand.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from eval.suites import measures_table
from tandem.cli import app
from tandem.settings import Settings

Schema = dict[str, Any]

_KINDS = {
    "array": "list of text",
    "boolean": "`true`, `false`",
    "integer": "whole number",
    "null": "nothing",
    "number": "number",
    "object": "name and path",
    "string": "text",
}


def main() -> int:
    """1 if a part is out of date and was not written."""
    parser = argparse.ArgumentParser(description=__doc__)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    parts = {
        "settings": "\n".join(_settings()),
        "cli": "\n".join(_commands()),
        "measures": f"{measures_table()}\n",
    }
    stale = 0
    for name, text in parts.items():
        page = Path("docs") / f"{name}.md"
        old = page.read_text(encoding="utf-8")
        new = _replaced(old, name, text)
        if new == old:
            continue
        if arguments.write:
            page.write_text(new, encoding="utf-8")
            print(f"{page}: written")
        else:
            stale += 1
            print(f"{page} is out of date: run `make docs`")
    return 1 if stale else 0


def _replaced(page: str, name: str, text: str) -> str:
    between = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    new, found = between.subn(lambda match: f"{match[1]}\n{text}\n{match[2]}", page)
    if found != 1:
        raise SystemExit(f"docs/{name}.md must hold `<!-- generated: {name} -->` and `<!-- end -->` once")
    return new


def _settings() -> Iterator[str]:
    """One table for the top level and one for each group, in the order of the code."""
    schema = Settings.model_json_schema()
    groups = {name: _group(schema, field) for name, field in schema["properties"].items()}
    yield from _table({name: schema["properties"][name] for name, group in groups.items() if group is None})
    for name, group in groups.items():
        if group is not None:
            yield f"## [{name}]\n\n{group['description']}\n"
            yield from _table(group["properties"])


def _group(schema: Schema, field: Schema) -> Schema | None:
    reference = field.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[1]] if reference else None


def _table(fields: dict[str, Schema]) -> Iterator[str]:
    yield "| setting | accepts | default | meaning |\n| --- | --- | --- | --- |"
    for name, field in fields.items():
        yield _row(f"`{name}`", _accepts(field), _default(field), field.get("description", ""))
    yield ""


def _accepts(field: Schema) -> str:
    if "anyOf" in field:
        return " or ".join(_accepts(choice) for choice in field["anyOf"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "object" and field["additionalProperties"].get("format") != "path":
        return "name and settings"
    kind = "path" if field.get("format") == "path" else _KINDS[field["type"]]
    limits = {"minimum": "from", "exclusiveMinimum": "over", "maximum": "to", "exclusiveMaximum": "under"}
    return " ".join([kind, *(f"{word} {field[key]:g}" for key, word in limits.items() if key in field)])


def _default(field: Schema) -> str:
    value = field.get("default")
    if value in (None, "", [], {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _commands() -> Iterator[str]:
    """One section a command, in the order of the code."""
    # Typer carries its own copy of Click, which is not public: hence no types for its commands.
    for path, command in _leaves(["tandem"], typer.main.get_command(app)):
        usage = " ".join(command.collect_usage_pieces(command.context_class(command, info_name=path)))
        yield f"## {path}\n\n{_paragraph(command.help)}\n\n    {path} {usage}\n"
        rows = [
            _parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)
        ]
        if rows:
            yield "| argument or option | default | meaning |\n| --- | --- | --- |"
            yield "\n".join(rows) + "\n"


def _leaves(path: list[str], command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(path), command
        return
    for name, child in inner.items():
        yield from _leaves([*path, name], child)


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper()}`"
    else:
        name = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
    required = "required" if parameter.required else "none"
    default = parameter.default
    shown = (
        required
        if default in (None, False, ()) or callable(default)
        else f"`{str(default).lower() if default is True else default}`"
    )
    return _row(name, shown, parameter.help or "")


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").split())


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
