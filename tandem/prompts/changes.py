"""What one version of a prompt says and another does not."""

from difflib import unified_diff


def diff(before: str, after: str, name_before: str, name_after: str) -> str:
    """A unified diff, as `git diff` shows it; empty where the texts are equal."""
    lines = unified_diff(before.splitlines(), after.splitlines(), name_before, name_after, lineterm="")
    return "\n".join(lines)
