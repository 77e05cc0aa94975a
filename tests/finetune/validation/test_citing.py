"""What a citation is held to."""

from finetune.validation.citing import COVERED, CitationCounts, count_citations, covered

PASSAGE = "The gate of the Quorvex depot closes at seven in the evening."


def test_a_passage_is_measured_by_the_reference_and_by_the_answer() -> None:
    given = count_citations([PASSAGE], "The depot closes at seven [1].", ["seven in the evening"])
    assert given == CitationCounts(given=1, reference=1, reference_words=1, answer_words=1)


def test_a_passage_that_says_another_answer_carries_only_that() -> None:
    given = count_citations([PASSAGE], "The depot closes at seven [1].", ["at noon on Sundays"])
    assert given == CitationCounts(given=1, reference=0, reference_words=0, answer_words=1)


def test_other_forms_of_the_words_of_a_reference_count_as_its_words_only() -> None:
    given = count_citations([PASSAGE], "Unrelated things entirely.", ["closing gates, seven evenings"])
    assert given == CitationCounts(given=1, reference=0, reference_words=1, answer_words=0)


def test_each_citation_counts_by_itself() -> None:
    given = count_citations([PASSAGE, "Nothing of it."], "It closes at seven.", ["at seven"])
    assert (given.given, given.reference) == (2, 1)
    assert count_citations([], "It closes at seven.", ["at seven"]) == CitationCounts()


def test_the_share_is_of_different_content_words() -> None:
    assert covered("the of and", PASSAGE) == 0.0
    assert covered("gate gate gate lantern", PASSAGE) == 0.5
    assert covered("gate depot seven lantern", PASSAGE) == COVERED
