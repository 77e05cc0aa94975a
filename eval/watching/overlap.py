"""Quality that needs no judge: how far the answer's sentences share their words with what they cite."""

from finetune.validation.scores import without_marks
from server.answering.support import SupportJudge, sentences
from tandem.store import Trace

NAME = "overlap"


def overlap(trace: Trace) -> float | None:
    """Mean over the answer's sentences of the share of weighted content words (see `server.answering.support`) that
    the best cited place has, in [0, 1]; 0 where passages were found and none is cited, `None` where none was looked
    for. It sees answers that drift from their sources, not ones that cite the wrong place well.
    """
    quotes = [str(one.get("quote", "")) for one in trace.citations]
    if not quotes:
        return 0.0 if trace.passages else None
    judge = SupportJudge(quotes)
    text = without_marks(trace.answer)
    said = [text[span.start : span.end] for span in sentences(text)]
    if not said:
        return None
    return sum(max(judge.support(one, n) for n in range(len(quotes))) for one in said) / len(said)
