"""What is put before a chunk where it is indexed: the title and the section, which its text may not say."""

from collections.abc import Callable, Sequence

from ingest.splitting.outline import PATH_SEPARATOR, Outline

_SHARE = 4
"""A header takes at most this part of a chunk."""

_LONGEST = 200
"""Characters of a title."""

_MARKS = "#*=-_> \t\n"
"""What may stand before a heading's words in the text, or between two headings."""

_LOOKED_AT = 1_000


class Headers:
    """The headers of one document's chunks, each of at most a quarter of `tokens`."""

    def __init__(self, title: str, outline: Outline, size: Callable[[str], int], tokens: int) -> None:
        self._title = " ".join(title[:_LONGEST].split())
        self._outline = outline
        self._size = size
        self._most = tokens // _SHARE

    def longest(self) -> int:
        """Tokens of the longest header."""
        longest = self._size(self._fitted(self._parts(None)))
        for number in range(len(self._outline.headings)):
            if longest >= self._most:
                break
            longest = max(longest, self._size(self._fitted(self._parts(number))))
        return longest

    def of(self, start: int, text: str) -> str:
        """`title > section` of the place where a chunk starts, without what its text begins with."""
        parts = self._parts(self._outline.number_at(start))
        rest = text[:_LOOKED_AT].lstrip(_MARKS)
        left = []
        for part in parts:
            after = rest[len(part) :]
            if rest.startswith(part) and not after[:1].isalnum():
                rest = after.lstrip(_MARKS)
            else:
                left.append(part)
        return self._fitted(left)

    def _parts(self, number: int | None) -> list[str]:
        path = [] if number is None else self._outline.path(number)
        # A text often begins with its own title as its first heading.
        return path if not self._title or path[:1] == [self._title] else [self._title, *path]

    def _fitted(self, parts: Sequence[str]) -> str:
        """Too long, it loses the sections in its middle first, then words from its end."""
        kept = list(parts)
        while len(kept) > 2 and self._size(PATH_SEPARATOR.join(kept)) > self._most:
            del kept[1]
        header = PATH_SEPARATOR.join(kept)
        while header and self._size(header) > self._most:
            header = header.rpartition(" ")[0].rstrip(PATH_SEPARATOR)
        return header
