"""What websites let a robot fetch."""

import threading
from urllib.robotparser import RobotFileParser

import httpx

from ingest.egress import Egress
from tandem.errors import InvalidRequestError, NotFoundError

AGENT = "Tandem"
_MOST_BYTES = 512 * 1024


class Robots:
    """The rules of every site that was asked, each read once. Any thread may call."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._rules: dict[str, RobotFileParser] = {}
        self._locks: dict[str, threading.Lock] = {}

    def check(self, url: httpx.URL) -> None:
        """Raises `InvalidRequestError` for a page that the site wants no robot to fetch.

        A site without rules allows all; while its rules cannot be had it allows nothing, and
        `UnavailableError` says so (RFC 9309, 2.3.1).
        """
        site = f"{url.scheme}://{url.netloc.decode('ascii')}"
        # Of many threads one asks the site, the others wait for it; other sites are not held up.
        with self._locks.setdefault(site, threading.Lock()):
            rules = self._rules.get(site) or self._read(site)
            self._rules[site] = rules
        if not rules.can_fetch(AGENT, str(url)):
            raise InvalidRequestError(
                f"robots.txt of {url.host} does not let Tandem fetch {url}",
                param="url",
                hint=f"Ask the site to allow the user agent {AGENT}, or save the page as a file.",
            )

    def _read(self, site: str) -> RobotFileParser:
        rules = RobotFileParser()
        try:
            content = self._egress.get(f"{site}/robots.txt", max_bytes=_MOST_BYTES).content
        except (NotFoundError, InvalidRequestError):
            content = b""  # 4xx: there are no rules.
        rules.parse(content.decode("utf-8", "replace").splitlines())
        return rules
