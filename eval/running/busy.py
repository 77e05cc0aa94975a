"""How much of the machine's time the answers of each arm took."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from eval.reply import Reply


def busy_seconds(replies: Iterable[Reply]) -> dict[str, float]:
    """Seconds of the machine by arm. Their sum is the time in which at least one question was under way.

    Where several are, each is taken to have an equal share of the machine (processor sharing, as in Kleinrock,
    Queueing Systems II, 1976). That is exact for an arm that was asked alone; of arms that took turns it is too
    much for those with short prompts, which wait for the long ones of others in the same batch.
    """
    changes: list[tuple[float, int, str]] = []
    for reply in replies:
        changes.append((reply.begun_at, 1, reply.arm))
        changes.append((reply.begun_at + reply.seconds, -1, reply.arm))
    changes.sort()
    spent: dict[str, float] = defaultdict(float)
    under_way: Counter[str] = Counter()
    before = 0.0
    for moment, change, arm in changes:
        total = under_way.total()
        if total:
            for one, many in under_way.items():
                spent[one] += (moment - before) * many / total
        under_way[arm] += change
        before = moment
    return dict(spent)
