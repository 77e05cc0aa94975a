"""Questions that are searched for without being answered: those of an eval set, for a reference or thresholds."""

import json
from collections.abc import Sequence

from server.admission import Ticket
from server.answering.asked import AskedVector
from server.answering.judge import judge
from server.answering.retrieve import retrieve
from server.answering.timings import Timings
from server.drift.calibrating import sample_of_searched
from server.drift.sample import Sample
from server.services import Services
from tandem.errors import InvalidRequestError
from tandem.recipes import MODEL
from tandem.store import Store
from tandem.vocabulary import Caller, Where

MOST_QUESTIONS = 2_000


def questions_of_set(store: Store, ref: str) -> list[str]:
    """The questions of the eval set `NAME`, or `NAME@NUMBER`, at most `MOST_QUESTIONS`; of those that the
    corpus answers. Blocking.

    Raises `NotFoundError`, `InvalidRequestError` for a version that is no number.
    """
    name, at, number = ref.partition("@")
    if at and not number.isdecimal():
        raise InvalidRequestError(f"{number!r} is no version of an eval set", param="set")
    row = store.eval_set(name, int(number) if at else None)
    # What the corpus does not answer may be from outside of it, which is not what its questions are like.
    cases = (case for case in json.loads(row.cases or "[]") if case.get("answerable", True))
    questions = [str(case["question"]) for case in cases]
    return questions[:MOST_QUESTIONS]


async def searched(
    caller: Caller, questions: Sequence[str], corpora: tuple[str, ...] | None, services: Services
) -> tuple[Sample, str]:
    """What the champion's retrieval brings for each, or `rag`'s where that retrieves nothing, and the fingerprint of
    the embedder. Raises as `retrieve`.
    """
    champion = services.recipes.of_model(MODEL)
    profile = champion.retrieval or services.recipes.find("rag").retrieval
    if profile is None:
        raise InvalidRequestError("The recipe rag retrieves nothing")
    vectors, similarity, evidence = [], [], []
    embedder = ""
    for question in questions:
        asked = AskedVector()
        found = await retrieve(caller, question, corpora, Where(), profile, services, Timings(), asked)
        if asked.vector is None:
            continue
        if embedder and asked.embedder != embedder:
            raise InvalidRequestError("The embedder was changed meanwhile", hint="Try it again.")
        embedder = asked.embedder
        vectors.append(asked.vector)
        similarity.append(max((passage.similarity for passage in found), default=0.0))
        judged = await judge(question, found, services, ticket=Ticket(caller.tenant, background=True))
        evidence.append(judged.evidence)
    return sample_of_searched(vectors, similarity, evidence), embedder
