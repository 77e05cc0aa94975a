"""How Tandem says that it does not know, and how it is recognised in what a model writes."""

import re

ABSTENTION = "I don't know."

_ABSTAINS = re.compile(r"^\W*(?:i\s+(?:do\s+not|don['’]?t)\s+know|the\s+passages?\s+do(?:es)?\s+not\b)", re.I)


def abstains(text: str) -> bool:
    """Whether a sentence, or a text by its first one, says that the answer is not known."""
    return _ABSTAINS.match(text) is not None
