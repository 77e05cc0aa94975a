"""Files that mean harm, made anew in each run: the same bytes every time, and none of them committed.

`documents()` and `archives()` give names and contents; a name says what the file is after.
"""

from collections.abc import Mapping

from hostile import images, mails, packages, pdfs, texts
from hostile.archives import archives

__all__ = ["archives", "documents"]


def documents() -> Mapping[str, bytes]:
    """Hostile documents of every kind that is read, and what pretends to be one."""
    made: dict[str, bytes] = {}
    for family in (texts, packages, pdfs, mails, images):
        for name, content in family.files().items():
            assert name not in made, name
            made[name] = content
    return made
