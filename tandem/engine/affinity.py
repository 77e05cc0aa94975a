"""Which replica is asked first: the one that has met such prompts before, unless it has too much to do.

Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", 1998): each replica
draws a weight for a key from a hash of both, and the highest is first. Where one of n replicas comes or goes, only the
keys for which it is first move, a share of 1/n; the servers agree without a word between them.

Bounded loads (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018): no replica gets
more than a factor of the mean load; what is over goes to the next in the key's own order.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import ceil

from tandem.engine.replica import Replica


def weight(key: str, address: str) -> int:
    """64 bits, which no other key or address foretells."""
    said = key.encode("utf-8", "surrogatepass") + b"\0" + address.encode()
    return int.from_bytes(blake2b(said, digest_size=8).digest())


def in_order(key: str | None, replicas: Sequence[Replica], factor: float) -> list[Replica]:
    """All of them, in the order in which they are asked; without a key the least busy is first.

    A replica is full at `ceil(factor * (chats + 1) / n)` chats, for n replicas with so many chats of this process
    together. Full ones come last, for when the others fail.
    """
    if key is None:
        return sorted(replicas, key=lambda one: one.asked)
    ranked = sorted(replicas, key=lambda one: weight(key, one.address), reverse=True)
    full_at = ceil(factor * (sum(one.asked for one in ranked) + 1) / max(1, len(ranked)))
    return sorted(ranked, key=lambda one: one.asked >= full_at)
