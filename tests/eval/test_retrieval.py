from eval.retrieval import answer_rank, hit_rate


def test_the_rank_is_that_of_the_first_passage_with_an_answer() -> None:
    assert answer_rank(["nine o'clock", "21:00"], ["noon", "at 21:00", "at nine o'clock"]) == 2


def test_line_breaks_and_case_do_not_hide_an_answer() -> None:
    assert answer_rank(["the Oxbow lock"], ["It is THE OXBOW\n  LOCK."]) == 1


def test_an_answer_that_is_nowhere_has_no_rank() -> None:
    assert answer_rank(["dawn", ""], ["dusk"]) is None


def test_the_hit_rate_counts_the_best_k() -> None:
    assert hit_rate([1, 5, 6, None], 5) == 0.5
    assert hit_rate([], 5) == 0.0
