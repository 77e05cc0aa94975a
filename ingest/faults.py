"""What a parser's verdict means to the owner of the file."""

from tandem.errors import TandemError, TooLargeError, UnreadableDocumentError

_EXPORT_AGAIN = "Open it in its own program and export it again."
_SPLIT = "Split the file, or export it again."
_REASONS = {
    "broken": ("is broken: its parser cannot read it", _EXPORT_AGAIN),
    "died": ("made the parser stop: the file is broken, or needs too much memory", _EXPORT_AGAIN),
    "locked": ("is protected by a password", "Save it without a password first."),
    "memory": (
        "needs more memory than its parser may have",
        "Split the file, or raise ingest.parse_memory_mb.",
    ),
    "bomb": ("unpacks to more than any document needs", _EXPORT_AGAIN),
    "deep": ("is nested deeper than any document needs", _EXPORT_AGAIN),
    "document type": ("holds an XML document type, which office files never do", _EXPORT_AGAIN),
    "languages": (
        "needs text recognition, and tesseract's data for ingest.ocr_languages is not installed",
        "Install it, such as with: apt install tesseract-ocr-eng",
    ),
    "pixels": ("is a picture of too many pixels", "Scale it down; 300 dots an inch are enough."),
    "pages": ("claims to have more pages than can be read", _SPLIT),
}


def refusal(fault: str, name: str, max_chars: int) -> TandemError:
    """The error for a reader's verdict on the file `name`; an unknown verdict counts as `broken`."""
    if fault == "long":
        return TooLargeError(
            f"{name} holds more than {max_chars} characters of text",
            param="file",
            hint="Split the file, or raise ingest.max_text_chars.",
        )
    reason, hint = _REASONS.get(fault, _REASONS["broken"])
    return UnreadableDocumentError(f"{name} {reason}", param="file", hint=hint)
