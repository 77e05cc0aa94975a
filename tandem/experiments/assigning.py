"""Who gets which recipe: decided by a hash, so that it is the same on every server and nothing is to be kept.

A unit (a user, a conversation, a request) is hashed with the experiment's id to one of 10,000 places. A challenger has
ranges of them. When its share grows it gets a range more, of those that the champion had: nobody leaves a challenger.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from uuid import uuid4

from tandem.errors import InvalidRequestError
from tandem.store.experiment_records import CHAMPION, Experiment, Plan, Slice

PLACES = 10_000
LEAST_FOR_CHAMPION = 100
"""Places that are the champion's whatever grows: without it there is nothing to compare with."""


def is_in_scope(plan: Plan, tenant: str, corpora: Sequence[str] | None) -> bool:
    """Whether a question is one of the experiment's. One that searches all corpora is not one about some."""
    if plan.tenants is not None and tenant not in plan.tenants:
        return False
    return plan.corpora is None or (corpora is not None and set(corpora) <= set(plan.corpora))


def overlaps(one: Plan, other: Plan) -> bool:
    """Whether there could be a question of both."""
    tenants = one.tenants is None or other.tenants is None or set(one.tenants) & set(other.tenants)
    corpora = one.corpora is None or other.corpora is None or set(one.corpora) & set(other.corpora)
    return bool(tenants and corpora)


def unit_of(experiment: Experiment, tenant: str, user: str | None, conversation: str | None) -> str:
    """Whose answers are counted together: the user; without one the conversation; without one the request alone.

    With `plan.unit` at `conversation` or `request` it begins there. The first letter says which it was: `u`, `c`
    or `r`. The rest is a hash from which no name can be read, and which is another one in every experiment.
    """
    names = {"user": user, "conversation": conversation, "request": uuid4().hex}
    kinds = list(names)
    for kind in kinds[kinds.index(experiment.plan.unit) :]:
        if name := names[kind]:
            said = "\x00".join((experiment.id, tenant, kind, name)).encode(errors="replace")
            return kind[0] + sha256(said).hexdigest()[:40]
    raise AssertionError("a request is always one")


def place_of(unit: str) -> int:
    """Its place, from 0 to 9,999."""
    return int(unit[1:17], 16) * PLACES >> 64


def arm_at(slices: Sequence[Slice], unit: str) -> str:
    """The unit's arm."""
    place = place_of(unit)
    return next((one.arm for one in slices if one.start <= place < one.end), CHAMPION)


def grown(slices: Sequence[Slice], shares: Mapping[str, float], most: int = PLACES) -> tuple[Slice, ...]:
    """`slices` and what is added to them, until each arm in `shares` has its share; others keep theirs.

    Raises `InvalidRequestError` for a share that would shrink, and where all of them are over `most` places.
    """
    made = list(slices)
    for arm, share in shares.items():
        have = sum(one.end - one.start for one in slices if one.arm == arm)
        more = round(share * PLACES) - have
        if more < 0:
            raise InvalidRequestError(
                f"The share of {arm} is {have / PLACES:.2%} and cannot shrink to {share:.2%}",
                param="shares",
                hint="Stop the experiment; users would be moved back otherwise.",
            )
        start = made[-1].end if made else 0
        if start + more > most:
            raise InvalidRequestError(
                f"The challengers would get {(start + more) / PLACES:.2%} of the traffic",
                param="shares",
                hint=f"They can have {most / PLACES:.0%} together.",
            )
        if more:
            made.append(Slice(start, start + more, arm))
    return tuple(made)
