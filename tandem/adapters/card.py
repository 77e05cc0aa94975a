"""The card of an adapter: what a person wants to know of it before it answers anybody."""

from collections.abc import Iterator
from typing import Any

from tandem.adapters.comparing import flat
from tandem.adapters.version import AdapterVersion
from tandem.errors import ModelSourceError
from tandem.models import resolve_source
from tandem.models.sources import HubSource

_MIB = 1024 * 1024


def card_of(version: AdapterVersion) -> str:
    """Markdown with the front matter that a hub reads. Files are not listed: it is one of them."""
    return "\n".join(_lines(version)) + "\n"


def _lines(version: AdapterVersion) -> Iterator[str]:
    facts = version.facts
    yield from ("---", "library_name: peft", "tags: [lora, tandem]", "license: other")
    if hub := _on_hub(facts.base):
        yield f"base_model: {hub}"
    yield from ("---", "", f"# {version.ref}", "")
    if version.note:
        yield from (_line(version.note), "")
    yield "| | |"
    yield "| --- | --- |"
    yield f"| base model | `{_line(facts.base)}` |"
    yield f"| hash of the base | `{facts.base_hash}` |"
    yield f"| hash of the training set | {f'`{facts.data_hash}`' if facts.data_hash else 'not known'} |"
    yield f"| rank | {version.rank} |"
    yield f"| size | {version.size / _MIB:.1f} MiB |"
    yield f"| training time | {_time(facts.seconds)} |"
    yield f"| registered | {version.created_at:%Y-%m-%d %H:%M} UTC by {_line(version.author)} |"
    served = "yes" if version.served_unmerged else f"no, only merged: {', '.join(version.unserved)}"
    yield f"| served by vLLM as an adapter | {_line(served)} |"
    for title, values in (("Metrics", facts.metrics), ("Parameters", facts.parameters)):
        if values:
            yield from ("", f"## {title}", "", "| name | value |", "| --- | --- |")
            yield from (f"| {_line(name)} | {_line(_number(value))} |" for name, value in flat(values))
    yield from _how_to_use(version)
    yield from _licence(version)


def _how_to_use(version: AdapterVersion) -> Iterator[str]:
    yield from ("", "## How to use it", "")
    if version.served_unmerged:
        yield f"    tandem recipes save NAME --from hybrid --model {version.ref}"
    yield from (f"    tandem adapters merge {version.ref} --out FOLDER", "", "With peft:", "")
    yield '    model = AutoModelForCausalLM.from_pretrained("FOLDER OF THE BASE MODEL")'
    yield '    model = PeftModel.from_pretrained(model, "FOLDER OF THE ADAPTER")'


def _licence(version: AdapterVersion) -> Iterator[str]:
    yield from ("", "## Licence", "")
    yield (
        "The weights were made from the base model and from the training set, so the licences of both apply: "
        f"look at that of `{_line(version.facts.base)}` and at the data card before you pass them on."
    )


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _line(text: str) -> str:
    """On one line, and no markup of its maker's."""
    flat = " ".join(str(text).split())[:500]
    return "".join(f"\\{char}" if char in "|<[`" else char for char in flat)


def _time(seconds: float) -> str:
    if not seconds:
        return "not known"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _on_hub(base: str) -> str | None:
    try:
        source = resolve_source(base)
    except ModelSourceError:
        return None
    return source.repository if isinstance(source, HubSource) else None
