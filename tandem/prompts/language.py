"""The language of prompts: a part of Jinja that can neither reach Python nor take long.

Jinja's sandbox keeps a template away from Python, but not from a loop without an end or from a string that
fills the memory. So only the nodes, filters and methods below exist, loops count their steps, what is written
counts its characters, and operators refuse results that nobody needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, do_replace
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_environment

MOST_STEPS = 20_000
MOST_CHARS = 8_000_000
"""A conversation at the limit of a request is half of it."""
MOST_SECONDS = 2.0
_MOST_ITEMS = 10_000
_MOST_BITS = 256

_FILTERS = frozenset(
    (
        "abs", "capitalize", "count", "d", "default", "first", "float", "int", "join", "last", "length", "list",
        "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "select",
        "selectattr", "sort", "string", "title", "trim", "truncate", "unique", "upper", "wordcount",
    )
)  # fmt: skip
_STR_METHODS = frozenset(
    (
        "lower", "upper", "strip", "lstrip", "rstrip", "title", "capitalize", "startswith", "endswith", "split",
        "splitlines",
    )
)  # fmt: skip
_DICT_METHODS = frozenset(("get", "items", "keys", "values"))
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign, nodes.AssignBlock,
    nodes.With, nodes.CallBlock, nodes.Name, nodes.NSRef, nodes.Literal, nodes.Pair, nodes.Keyword,
    nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Call, nodes.Getitem, nodes.Getattr, nodes.Slice,
    nodes.Concat, nodes.Compare, nodes.Operand, nodes.BinExpr, nodes.UnaryExpr,
)  # fmt: skip


@dataclass
class _Budget:
    """What one rendering may still spend."""

    steps: int = MOST_STEPS
    chars: int = MOST_CHARS
    until: float = field(default_factory=lambda: monotonic() + MOST_SECONDS)

    def spend(self, *, steps: int = 0, chars: int = 0) -> None:
        self.steps -= steps
        self.chars -= chars
        if self.steps < 0:
            raise SecurityError(f"it takes more than {MOST_STEPS:,} steps")
        if self.chars < 0:
            raise SecurityError(f"it writes more than {MOST_CHARS:,} characters")
        if monotonic() > self.until:
            raise SecurityError(f"it takes more than {MOST_SECONDS:g} s")


_budget: ContextVar[_Budget] = ContextVar("prompt_budget")


@contextmanager
def limited() -> Iterator[None]:
    """Render inside: `SecurityError` where a template spends more than it may."""
    token = _budget.set(_Budget())
    try:
        yield
    finally:
        _budget.reset(token)


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Compiles prompts. Raises `SecurityError` for what is not in the language."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        # Not optimised: that would work out constant expressions before anything is limited.
        super().__init__(
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            finalize=_written,
        )
        self.filters = {name: made for name, made in self.filters.items() if name in _FILTERS}
        self.filters |= {"join": _join, "replace": _replace, "string": _scalar}
        self.globals = {"range": _range, "namespace": self.globals["namespace"]}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        return _checked(super()._parse(source, name, filename))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Methods of text and of mappings are those above; the rest is as Jinja's sandbox has it."""
        if isinstance(obj, str):
            return attr in _STR_METHODS
        if isinstance(obj, dict):
            return attr in _DICT_METHODS
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Jinja makes `format` safe; here it does not exist, for a width can be of any size."""
        if getattr(value, "__name__", "") in ("format", "format_map") and isinstance(
            getattr(value, "__self__", None), str
        ):
            raise SecurityError("format does not exist in prompts")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Sums of texts or lists up to a size; all else with numbers, up to a size."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            _budget.get().spend(chars=len(left) + len(right))
        elif operator == "+" and isinstance(left, list) and isinstance(right, list):
            if len(left) + len(right) > _MOST_ITEMS:
                raise SecurityError(f"a list has more than {_MOST_ITEMS:,} items")
        elif operator == "**" or not all(_is_small(value) for value in (left, right)):
            raise SecurityError(f"{operator} is for small numbers")
        return super().call_binop(context, operator, left, right)

    def tick(self) -> None:
        """One step of a loop."""
        _budget.get().spend(steps=1)

    def joined(self, *values: Any) -> str:
        """What `~` makes of its operands."""
        texts = [str(_scalar(value)) for value in values]
        _budget.get().spend(chars=sum(map(len, texts)))
        return "".join(texts)

    def flat(self, made: Any) -> Any:
        """A literal list, tuple or mapping: its items are no such things, so none grows by nesting."""
        items = [*made, *made.values()] if isinstance(made, dict) else made
        if any(isinstance(item, list | tuple | dict) for item in items):
            raise SecurityError("a list holds another one")
        return made


def _checked(template: nodes.Template) -> nodes.Template:
    """The template, its loops counted and what can grow limited."""
    for node in template.find_all(nodes.Node):
        if not isinstance(node, _NODES):
            raise SecurityError(f"line {node.lineno}: {type(node).__name__} does not exist in prompts")
        if isinstance(node, nodes.For) and node.recursive:
            raise SecurityError(f"line {node.lineno}: recursive loops do not exist in prompts")
        if isinstance(node, nodes.CallBlock) and not _calls_message(node):
            raise SecurityError(f"line {node.lineno}: call is for message")
    for loop in list(template.find_all(nodes.For)):
        loop.body.insert(0, nodes.ExprStmt(_call("tick", [], loop.lineno), lineno=loop.lineno))
    _rewrite(template)
    template.set_environment(template.environment)  # type: ignore[arg-type]
    return template


def _rewrite(node: nodes.Node) -> None:
    for name, value in list(node.iter_fields()):
        if isinstance(value, list):
            setattr(node, name, [_limited_node(one) if isinstance(one, nodes.Node) else one for one in value])
        elif isinstance(value, nodes.Node):
            setattr(node, name, _limited_node(value))


def _limited_node(node: nodes.Node) -> nodes.Node:
    _rewrite(node)
    if isinstance(node, nodes.Concat):
        return _call("joined", node.nodes, node.lineno)
    is_target = isinstance(node, nodes.Tuple) and node.ctx != "load"
    if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict) and not is_target:
        return _call("flat", [node], node.lineno)
    return node


def _call(method: str, arguments: list[nodes.Expr], line: int) -> nodes.Call:
    target = nodes.EnvironmentAttribute(method, lineno=line)
    return nodes.Call(target, arguments, [], None, None, lineno=line)


def _calls_message(node: nodes.CallBlock) -> bool:
    return isinstance(node.call.node, nodes.Name) and node.call.node.name == "message"


def _is_small(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= _MOST_BITS)


def _scalar(value: Any) -> Any:
    """The value itself, if it can be written: lists would have to be joined, objects have no text."""
    if isinstance(value, StrictUndefined):
        str(value)  # says which name is not known
    if not isinstance(value, str | int | float | None):
        raise SecurityError(f"{type(value).__name__} cannot be written; name one of its fields, or use join")
    return value


def _written(value: Any) -> Any:
    value = _scalar(value)
    budget = _budget.get(None)
    if budget is not None:
        budget.spend(chars=len(value) if isinstance(value, str) else 1)
    return value


def _range(*bounds: int) -> range:
    made = range(*bounds)
    if len(made) > _MOST_ITEMS:
        raise SecurityError(f"a range has more than {_MOST_ITEMS:,} numbers")
    return made


@pass_environment
def _join(environment: PromptEnvironment, value: Any, d: str = "", attribute: str | None = None) -> str:
    items = list(value)
    _budget.get().spend(chars=len(str(_scalar(d))) * len(items))
    text: str = do_join(_eval_context(environment), items if attribute else map(_scalar, items), d, attribute)
    _budget.get().spend(chars=len(text))
    return text


@pass_environment
def _replace(environment: PromptEnvironment, s: str, old: str, new: str, count: int | None = None) -> str:
    s, old, new = str(_scalar(s)), str(_scalar(old)), str(_scalar(new))
    found = len(s) + 1 if not old else s.count(old)
    _budget.get().spend(chars=len(s) + found * len(new))
    text: str = do_replace(_eval_context(environment), s, old, new, count)
    return text


def _eval_context(environment: PromptEnvironment) -> nodes.EvalContext:
    return nodes.EvalContext(environment)
