"""Splits by document."""

from finetune.dataset.located import Located
from finetune.dataset.questions import SourceQuestion
from finetune.dataset.serving import SourceDocument
from finetune.dataset.splitting import split_by_document


def asked(question: str, *documents: str) -> Located:
    sources = tuple(SourceDocument(name, frozenset({name}), "", "") for name in documents)
    return Located(SourceQuestion(question=question, answer="x", documents=documents), sources, "x")


MANY = [asked(f"What is part {n} of document {n % 20}?", f"d{n % 20}") for n in range(200)]


def documents_of(questions: list[Located]) -> set[str]:
    return {uri for one in questions for uri in one.uris}


def test_no_document_is_on_both_sides_and_the_share_is_met() -> None:
    train, validation = split_by_document(MANY, 0.1, seed=0)
    assert not documents_of(train) & documents_of(validation)
    assert len(validation) == 20
    assert len(train) == 180


def test_the_same_seed_splits_alike_and_another_does_not() -> None:
    assert split_by_document(MANY, 0.1, seed=3) == split_by_document(MANY, 0.1, seed=3)
    assert split_by_document(MANY, 0.1, seed=3) != split_by_document(MANY, 0.1, seed=4)


def test_documents_of_one_question_and_of_one_wording_stay_together() -> None:
    chained = [
        asked("What is A?", "a", "b"),
        asked("What is B?", "b"),
        asked("what is b", "c"),
        *(asked(f"Other {n}?", f"other{n}") for n in range(3)),
    ]
    for seed in range(20):
        train, validation = split_by_document(chained, 0.5, seed)
        for side in (documents_of(train), documents_of(validation)):
            assert side >= {"a", "b", "c"} or not side & {"a", "b", "c"}


def test_without_a_share_all_is_for_training() -> None:
    assert split_by_document(MANY, 0.0, seed=0) == (MANY, [])
