"""Which cases hang together: those that ask of the same documents are right or wrong together."""

from collections.abc import Sequence

from eval.case import EvalCase

FEWEST = 10
"""Groups below which resampling them is not to be trusted (Cameron, Gelbach and Miller, Bootstrap-Based
Improvements for Inference with Clustered Errors, Review of Economics and Statistics 2008, look at 5 to 30)."""


def clusters_of(cases: Sequence[EvalCase]) -> dict[str, str] | None:
    """Name of the group of each case, by its id; `None` where the cases may be taken one by one.

    Two cases are of one group if they name the same document, and so on from case to case. A case without documents
    is a group of its own. `None` where every group has one case, and where there are fewer than ten groups: then
    what is found holds for more questions to these very documents, and not for more documents.
    """
    leader: dict[str, str] = {}

    def first(document: str) -> str:
        while leader[document] != document:
            leader[document] = leader[leader[document]]
            document = leader[document]
        return document

    for case in cases:
        for document in case.documents:
            leader.setdefault(document, document)
            leader[first(document)] = first(case.documents[0])
    # A document's name and a case's id may be the same word: the groups are told apart by their kind.
    groups = {
        case.id: f"document {first(case.documents[0])}" if case.documents else f"case {case.id}"
        for case in cases
    }
    found = len(set(groups.values()))
    return groups if FEWEST <= found < len(groups) else None
