"""Takes personal data out of what is kept: by patterns and check digits, and names by a language model."""

from tandem.redaction.redactor import Redactor, open_redactor
from tandem.redaction.words import redacted_trace

__all__ = ["Redactor", "open_redactor", "redacted_trace"]
