"""Slices, statistics, changes and hashes of sets."""

from hashlib import sha256

from eval.case import EvalCase, Turn
from eval.sets.changes import changes_between, joined
from eval.sets.hashing import hash_of_cases
from eval.sets.slices import slices_of
from eval.sets.statistics import statistics_of


def case(number: str, question: str = "", **fields: object) -> EvalCase:
    return EvalCase.model_validate({"id": number, "question": question or f"question {number}", **fields})


CASES = [
    case("a", references=["x"], documents=["d"], tags=["multi-hop"]),
    case("b", answerable=False, tags=["multi-hop", "out-of-domain"]),
    case("c", label="yes", history=[Turn(role="user", content="before")], paraphrases=["again"]),
    case("d", tags=["follow-up"]),
    case("e", "Question D", label="Yes"),
]


def test_a_slice_names_its_cases_and_derived_ones_come_first() -> None:
    assert list(slices_of(CASES).items()) == [
        ("answerable", ("a", "c", "d", "e")),
        ("unanswerable", ("b",)),
        ("follow-up", ("c", "d")),
        ("labelled", ("c", "e")),
        ("multi-hop", ("a", "b")),
        ("out-of-domain", ("b",)),
    ]
    assert slices_of([CASES[1]]).keys() == {"unanswerable", "multi-hop", "out-of-domain"}


def test_what_is_right_is_counted_and_what_may_not_be_meant_is_told() -> None:
    held = statistics_of(CASES)
    assert (held.cases, held.answerable, held.with_references, held.with_documents) == (5, 4, 1, 1)
    assert (held.without_reference, held.repeated, held.with_paraphrases, held.follow_ups) == (1, 1, 1, 1)
    assert held.labels == {"yes": 1, "Yes": 1}
    assert held.tags["multi-hop"] == 2
    assert [notice.split()[0] for notice in held.notices] == ["1", "1", "labels", "2"]
    assert statistics_of([CASES[0]]).notices == ()


def test_a_set_has_the_same_hash_in_any_order_and_another_with_any_other_word() -> None:
    whole = hash_of_cases(CASES)
    turned = [case("b", answerable=False, tags=["out-of-domain", "multi-hop"]), *CASES[:1], *CASES[2:]]
    assert hash_of_cases(turned) == whole
    for changed in ({"references": ("X",)}, {"documents": ()}, {"tags": ()}, {"answer_start": 0}):
        assert hash_of_cases([CASES[0].model_copy(update=changed), *CASES[1:]]) != whole
    assert hash_of_cases(CASES[1:]) != whole


def test_the_hash_of_a_case_stays_what_it_was() -> None:
    """Runs name it: a Tandem that hashes otherwise could compare none of them."""
    line = '{"documents":["d"],"id":"a","question":"question a","references":["x"],"tags":["multi-hop"]}\n'
    assert hash_of_cases(CASES[:1]) == sha256(line.encode()).hexdigest()


def test_changes_name_the_cases_and_their_fields() -> None:
    new = [
        case("f"),
        CASES[3],
        CASES[0].model_copy(update={"references": ("y",), "tags": ("hard",)}),
        CASES[1],
    ]
    changes = changes_between(CASES, new)
    assert (changes.added, changes.removed, changes.same) == (("f",), ("c", "e"), 2)
    assert changes.changed == {"a": ("references", "tags")}
    assert changes
    assert not changes_between(CASES, list(reversed(CASES)))


def test_cases_that_are_added_take_the_place_of_those_with_their_id() -> None:
    changed = CASES[1].model_copy(update={"answerable": True})
    assert joined(CASES[:2], [changed, case("z")]) == [CASES[0], changed, case("z")]
