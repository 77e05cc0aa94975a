"""A rule is crossed where the value is too much, or surely worse than before, and where there are enough answers."""

from tandem.monitoring import AlertRule, Figures, Moments, read
from tandem.monitoring.figures import Quantiles


def rule(**fields: object) -> AlertRule:
    usual = {"name": "r", "metric": "abstained_share", "least": 30, "above": 0.5}
    return AlertRule.model_validate({**usual, **fields})


def of(answers: int, abstained: int) -> Figures:
    return Figures(answers=answers, abstained=abstained)


WORSE = rule(scope="champion", above=None, worse_by=0.15)


def test_above_the_threshold_is_crossed_and_on_it_is_not() -> None:
    assert read(rule(), "all", of(100, 51), None).crossed is True
    assert read(rule(), "all", of(100, 50), None).crossed is False


def test_too_few_answers_conclude_nothing() -> None:
    found = read(rule(), "all", of(29, 29), None)
    assert (found.crossed, found.value, found.answers) == (None, 1.0, 29)
    assert read(rule(), "all", of(0, 0), None).crossed is None
    assert read(WORSE, "rag", of(29, 29), of(500, 0)).crossed is None
    assert read(WORSE, "rag", of(500, 500), of(29, 0)).crossed is None
    assert read(WORSE, "rag", of(500, 500), None).crossed is None


def test_a_champion_is_worse_only_beyond_what_is_tolerated_and_beyond_chance() -> None:
    found = read(WORSE, "rag", of(100, 60), of(100, 10))
    assert (found.crossed, found.before, found.limit, found.before_answers) == (True, 0.1, 0.25, 100)
    assert read(WORSE, "rag", of(100, 20), of(100, 10)).crossed is False  # tolerated
    assert read(WORSE, "rag", of(30, 12), of(30, 6)).crossed is False  # 20 points, but by chance perhaps
    assert read(WORSE, "rag", of(100, 0), of(100, 60)).crossed is False  # better


def test_a_mean_that_fell_is_worse_and_one_that_rose_is_not() -> None:
    fell = rule(metric="cited_mean", scope="champion", above=None, worse_by=0.15)
    high, low = Moments(50, 48.0, 46.5), Moments(50, 20.0, 12.0)
    assert read(fell, "rag", Figures(cited=low), Figures(cited=high)).crossed is True
    assert read(fell, "rag", Figures(cited=high), Figures(cited=low)).crossed is False


def test_durations_are_compared_by_their_share() -> None:
    slower = rule(metric="first_token_p95_ms", scope="champion", above=None, worse_by=1.0)

    def took(p95: float) -> Figures:
        return Figures(first_token=Quantiles(50, 100.0, p95))

    assert read(slower, "rag", took(999), took(500)).crossed is False
    assert read(slower, "rag", took(1_001), took(500)).crossed is True


def test_tokens_are_counted_by_the_hour_and_drift_alarms_one_by_one() -> None:
    dear = rule(metric="tokens_per_hour", above=1_000, window_s=600, least=0)
    assert read(dear, "all", Figures(tokens_in=150, tokens_out=50), None).value == 1_200
    drift = rule(metric="drift_alarms", above=0, least=30)
    assert read(drift, "all", Figures(), None, drift_alarms=1).crossed is True
    assert read(drift, "all", Figures(), None).crossed is False


def test_nothing_rests_on_scores_of_which_one_is_not_proven() -> None:
    quality = rule(metric="quality_mean", above=None, below=0.5)
    figures = Figures(quality=Moments(40, 8.0, 2.0), quality_proven=40)
    assert read(quality, "all", figures, None).proven
    mixed = Figures(quality=Moments(40, 8.0, 2.0), quality_proven=39)
    assert read(quality, "all", mixed, None).crossed is True
    assert not read(quality, "all", mixed, None).proven
