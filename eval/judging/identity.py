"""Who a judge is: what was measured of one says nothing of another."""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class Identity(BaseModel):
    """A model at an address, asked by these prompts at this temperature. Two that differ are two judges."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str
    address: str
    served: dict[str, str] = {}
    """What its server says of the model: where its weights are from, whose it is."""
    temperature: float
    prompts: str
    """Digest of all prompts that it judges answers by: Ragas's, by their release, and our own."""

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        return digest_of(self.model_dump())[:16]


def digest_of(fields: object) -> str:
    """SHA-256 of the fields as JSON with sorted keys."""
    return hashlib.sha256(
        json.dumps(fields, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).hexdigest()


@cache
def prompts_digest() -> str:
    """Changes with a prompt, and with the release of Ragas."""
    return digest_of({"ragas": version("ragas"), "pairwise": pairwise_prompt()})[:16]


@cache
def pairwise_prompt() -> str:
    """Our own prompt, which asks for the better of two answers; a Jinja template."""
    return files("eval.judging").joinpath("pairwise.jinja").read_text("utf-8")
