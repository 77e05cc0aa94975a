"""A model's chat template: how the engine makes one text of a conversation."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

_HERE = "\x02here\x03"
_OPENINGS = (("user",), ("system", "user"), ("user", "assistant", "user"))
_LONGEST = 40
"""Characters of a role's mark; a longer line is a text that ends in one."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The template's text, and the special tokens that it names, such as `bos_token`."""

    text: str
    names: Mapping[str, str]

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The prompt, up to where the answer begins. Raises `jinja2.TemplateError` where it refuses them."""
        # The library's own, as vLLM calls it: it knows what templates use beyond plain Jinja.
        from transformers.utils.chat_template_utils import render_jinja_template

        prompts, _ = render_jinja_template(
            [[dict(message) for message in messages]],
            chat_template=self.text,
            add_generation_prompt=True,
            **self.names,
        )
        prompt: str = prompts[0]
        return prompt

    def reply(self) -> str:
        """What stands between a user's message and the answer: some templates open the reasoning there."""
        try:
            return self.render([{"role": "user", "content": _HERE}]).rpartition(_HERE)[2]
        except jinja2.TemplateError:
            return ""

    def role_marks(self, special: Collection[str]) -> tuple[str, ...]:
        """What opens a role by ordinary words alone, such as `USER:`; none where special tokens do it."""
        marks = set()
        for roles in _OPENINGS:
            try:
                prompt = self.render([{"role": role, "content": _HERE} for role in roles])
            except jinja2.TemplateError:  # it knows no such role
                continue
            for piece in prompt.split(_HERE):
                line = piece.strip().splitlines()[-1].strip() if piece.strip() else ""
                mark = line if len(line) <= _LONGEST else line.split()[-1]
                if len(mark) > 2 and not mark.isalnum() and not any(token in mark for token in special):
                    marks.add(mark)
        return tuple(sorted(marks))


def read_chat_template(model_dir: Path) -> ChatTemplate | None:
    """The template in a model's folder, where vLLM finds it too; `None` where there is none."""
    config = _read(model_dir / "tokenizer_config.json")
    file = model_dir / "chat_template.jinja"
    text = file.read_text("utf-8") if file.is_file() else config.get("chat_template")
    if isinstance(text, list):  # several, by name
        text = next((each["template"] for each in text if each.get("name") == "default"), None)
    if not isinstance(text, str):
        return None
    names = {name: _content(value) for name, value in config.items() if name.endswith("_token")}
    return ChatTemplate(text, {name: token for name, token in names.items() if token is not None})


def _content(token: Any) -> str | None:
    token = token.get("content") if isinstance(token, dict) else token
    return token if isinstance(token, str) else None


def _read(file: Path) -> dict[str, Any]:
    config = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return config if isinstance(config, dict) else {}
