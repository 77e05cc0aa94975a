"""`tandem compare` and `tandem eval run | runs | show | diff | resume | delete` against a running server."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from app_client import ASKED, FACT
from fake_vllm import FakeVllm, Handler, refuse, say
from served_app import put, served

from eval.case import EvalCase
from eval.running.gathering import Wish
from eval.running.keeping import EvalRuns
from eval.sets import EvalSets
from tandem.cli.compare import compare, instructions_of, prices_of
from tandem.cli.eval_look import Look
from tandem.cli.eval_run import Order, begin_run, resume_run
from tandem.cli.eval_runs import delete_run, diff_runs, list_runs, show_run
from tandem.cli.opened import opened_store
from tandem.errors import (
    ConflictError,
    EngineUnavailableError,
    InvalidRequestError,
    LeakError,
    NotFoundError,
    SettingsError,
    StorageError,
)
from tandem.settings import EngineSettings, Settings

SHIP_ASKED = "How long is the Merrow ship?"
SHIP = "The Merrow is a ship of 90 metres, built in Graz."
CASES = [
    EvalCase(id="gate", question=ASKED, references=("seven in the evening",), documents=("gate.md",)),
    EvalCase(
        id="ship",
        question=SHIP_ASKED,
        references=("90 metres",),
        documents=("ship.md",),
        tags=("ships",),
    ),
    EvalCase(
        id="yard",
        question="Where was the Merrow ship built?",
        references=("Graz",),
        documents=("ship.md",),
        tags=("ships",),
        paraphrases=("In which town was the Merrow built?",),
    ),
    EvalCase(id="moon", question="Who owns the moon of Xanadu?", answerable=False),
]


class Engine:
    """A fake that copies a fact where it is shown one, and can be told to be unwell or to refuse a question."""

    def __init__(self, fake: FakeVllm) -> None:
        self.fake = fake
        self.unwell_after: int | None = None
        self.refuses = "nothing"
        self.lock = threading.Lock()

    def __call__(self, handler: Handler) -> None:
        with self.lock:
            many, asked = len(self.fake.requests), json.dumps(self.fake.requests[-1]["messages"])
        if self.unwell_after is not None and many > self.unwell_after:
            refuse(503, {"error": {"message": "not now"}})(handler)
        elif self.refuses in asked:
            refuse(400, {"error": {"message": "no such words"}})(handler)
        else:
            fact = FACT if ASKED in asked else SHIP
            say(fact if fact in asked else "I don't know.")(handler)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Settings]]:
    folder = tmp_path_factory.mktemp("compared") / "data"
    with FakeVllm.serving() as fake, served(fake, folder) as url:
        put(url, "gate.md", f"# Rules\n\n{FACT}\n", "rules")
        put(url, "ship.md", f"# The Merrow\n\n{SHIP}\n", "rules")
        (folder / "server.json").write_text(json.dumps({"url": url}))
        settings = Settings(data_dir=folder, engine=EngineSettings(address=fake.address))
        with opened_store(settings) as store:
            EvalSets(store).save("harbour", CASES)
        yield Engine(fake), settings


@pytest.fixture
def engine(server: tuple[Engine, Settings], monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr("finetune.validation.over_http._PAUSE_S", 0.0)
    monkeypatch.setattr("finetune.validation.over_http._LONGEST_PAUSE_S", 0.0)
    engine = server[0]
    engine.unwell_after, engine.refuses = None, "nothing"
    engine.fake.plays = [engine]
    engine.fake.requests.clear()
    return engine


@pytest.fixture
def settings(server: tuple[Engine, Settings]) -> Settings:
    return server[1]


def order(*arms: str, **wish: object) -> Order:
    return Order("harbour", Wish(arms=arms, **{"corpora": ("rules",), **wish}))


def test_arms_are_compared_reported_and_the_run_is_reported_again_without_asking(
    engine: Engine, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    look = Look(prices=prices_of(settings, "1,2", None, None, "EUR"), command="tandem compare ...")
    wish = order("base", "rag", without=True, paraphrases=True, max_tokens=40, seed=3)
    compare(settings, wish, None, look, tmp_path / "out", again=False, as_json=True)
    found = json.loads(capsys.readouterr().out)
    # 4 cases of two arms, one paraphrase of two, 3 whose documents are left out of one; the moon is not found.
    asked = len(engine.fake.requests)
    assert asked >= 4 + 4 + 2 - 1
    assert {one["max_tokens"] for one in engine.fake.requests} == {40}
    by_name = {arm["name"]: arm for arm in found["arms"]}
    assert (by_name["base"]["kind"], by_name["rag"]["kind"]) == ("base", "rag")
    assert [arm["asked"] for arm in found["arms"]] == [4, 4]
    figures = {one["measure"]: one for one in by_name["rag"]["figures"]}
    assert found["leading"] == "token_f1"
    assert figures["unknown_unanswerable"]["estimate"]["mean"] == 1.0
    assert figures["unknown_unanswerable"]["cases"] == 4
    assert by_name["rag"]["cost"]["money_per_1000"] > 0
    assert "EUR" in by_name["rag"]["cost"]["money_basis"]
    assert by_name["rag"]["cost"]["storage_bytes"] > 0
    # Documents that were put one by one are of no job, which would tell how long it took.
    assert by_name["rag"]["cost"]["set_up_s"] is None
    assert by_name["base"]["cost"]["storage_bytes"] == 0
    assert {one["tag"] for one in by_name["rag"]["slices"]} == {"answerable", "unanswerable", "ships"}
    leading = [one for one in found["differences"] if one["measure"] == "token_f1" and one["slice"] is None]
    assert [(one["one"], one["other"]) for one in leading] == [("rag", "base")]
    assert leading[0]["estimate"]["mean"] > 0
    assert found["recommendation"]
    assert found["made_with"]["run"]["seed"] == 3
    assert found["corpora"]["rules"]["documents"] == 2
    kept = json.loads((tmp_path / "out" / "report.json").read_text())
    assert kept == found
    assert found["recommendation"][0]["text"] in (tmp_path / "out" / "report.md").read_text()
    assert "<html" in (tmp_path / "out" / "report.html").read_text()

    compare(settings, None, found["run"][:8], look, tmp_path / "anew", again=False, as_json=False)
    assert len(engine.fake.requests) == asked
    again = json.loads((tmp_path / "anew" / "report.json").read_text())
    assert {**again, "created": ""} == {**found, "created": ""}
    shown = capsys.readouterr().out
    assert found["recommendation"][0]["text"][:40] in shown
    assert "report.html" in shown


def test_a_report_can_be_made_that_quotes_no_question(
    engine: Engine, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    quoting = Look(prices=prices_of(settings, None, None, None, ""))
    compare(settings, order("base", "rag"), None, quoting, tmp_path / "all", again=False, as_json=True)
    run = json.loads(capsys.readouterr().out)["run"]
    silent = replace(quoting, examples=0)
    compare(settings, None, run, silent, tmp_path / "none", again=False, as_json=False)
    for kind in ("html", "json"):
        assert SHIP_ASKED in (tmp_path / "all" / f"report.{kind}").read_text()
    for kind in ("html", "md", "json"):
        assert SHIP_ASKED not in (tmp_path / "none" / f"report.{kind}").read_text()


def test_runs_are_listed_shown_set_against_each_other_and_removed(
    engine: Engine, settings: Settings, capsys: pytest.CaptureFixture
) -> None:
    run = begin_run(settings, order("base", "rag"), quiet=True)
    list_runs(settings, "harbour", 1, as_json=True)
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["id"], listed["state"], listed["replies"]) == (run, "finished", 8)
    assert listed["facts"]["versions"]["tandem-rag"]
    list_runs(settings, None, 5, as_json=False)
    assert run[:8] in capsys.readouterr().out
    show_run(settings, run[:8], Look(), as_json=False)
    assert "harbour" in capsys.readouterr().out

    diff_runs(settings, f"{run}:base", f"{run[:8]}:rag", "contains", as_json=True)
    flips = json.loads(capsys.readouterr().out)
    assert {one["case"] for one in flips["gained"]} == {"gate", "ship", "yard"}
    assert flips["lost"] == []
    assert flips["left_out"] == 1
    assert flips["gained"][0]["before"]["answer"].startswith("I don")
    assert flips["difference"]["estimate"]["mean"] == 1.0
    diff_runs(settings, f"{run}:rag", f"{run}:base", "contains", as_json=False)
    shown = capsys.readouterr().out
    assert "0 gained, 3 lost" in shown
    assert FACT in shown
    for one, other, words in (
        (run, f"{run}:rag", "several arms"),
        (f"{run}:rag", f"{run}:rag", "the same"),
        (f"{run}:rag", f"{run}:tuned", "no arm 'tuned'"),
    ):
        with pytest.raises(InvalidRequestError, match=words):
            diff_runs(settings, one, other, None, as_json=True)
    with pytest.raises(InvalidRequestError, match="no value of nosuch"):
        diff_runs(settings, f"{run}:rag", f"{run}:base", "nosuch", as_json=True)
    delete_run(settings, run)
    with pytest.raises(NotFoundError):
        show_run(settings, run, Look(), as_json=True)


def test_a_question_that_fails_is_counted_and_asked_again_if_wanted(
    engine: Engine, settings: Settings, capsys: pytest.CaptureFixture
) -> None:
    engine.refuses = "How long"
    run = begin_run(settings, order("base", "rag"), quiet=True)
    show_run(settings, run, Look(), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert [arm["failed"] for arm in found["arms"]] == [1, 1]
    figure = next(one for one in found["arms"][1]["figures"] if one["measure"] == "token_f1")
    assert (figure["cases"], figure["failed"]) == (2, 1)
    assert figure["bounds"][0] < figure["bounds"][1]
    assert any("1 of 4 questions to rag have no answer" in one for one in found["warnings"])
    engine.refuses = "nothing"
    engine.fake.requests.clear()
    assert resume_run(settings, run, again=False, quiet=True) == run
    assert engine.fake.requests == []
    resume_run(settings, run, again=True, quiet=True)
    assert len(engine.fake.requests) == 2
    with opened_store(settings) as store:
        assert EvalRuns(store).get(run).failed == 0


def test_a_run_whose_engine_goes_is_partial_and_goes_on_without_asking_twice(
    engine: Engine, settings: Settings, capsys: pytest.CaptureFixture
) -> None:
    engine.unwell_after = 3
    with pytest.raises(EngineUnavailableError):
        begin_run(settings, order("base", "rag", at_once=1), quiet=True)
    assert "tandem eval resume" in capsys.readouterr().err
    with opened_store(settings) as store:
        (partial,) = EvalRuns(store).list(limit=1)
    assert (partial.state, partial.replies) == ("partial", 3)
    show_run(settings, partial.id, Look(), as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["partial"]
    assert any("3 of 8 questions" in one for one in found["warnings"])
    engine.unwell_after = None
    engine.fake.requests.clear()
    resume_run(settings, partial.id, again=False, quiet=True)
    assert len(engine.fake.requests) == 8 - 3 - 1  # the moon is not found, so no model is asked
    with opened_store(settings) as store:
        assert EvalRuns(store).get(partial.id).state == "finished"


def test_what_cannot_be_compared_is_said_before_anything_is_asked(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    for wrong, words in (
        (order(), "No recipe"),
        (order("rag", "rag"), "Each arm once"),
        (order("rag", instructions={"base": "Say yes."}), "no arm"),
        (order("rag", planted=("noise",), corpora=()), "need a corpus"),
        (order("rag", training=tmp_path), "cannot be read"),
    ):
        with pytest.raises(InvalidRequestError, match=words):
            begin_run(settings, wrong, quiet=True)
    with pytest.raises(NotFoundError, match="nosuch"):
        begin_run(settings, order("rag", "nosuch"), quiet=True)
    with pytest.raises(NotFoundError, match="nosuch"):
        begin_run(settings, order("rag", corpora=("nosuch",)), quiet=True)
    with pytest.raises(NotFoundError, match="nosuch"):
        begin_run(settings, Order("nosuch", Wish(arms=("rag",))), quiet=True)
    with pytest.raises(NotFoundError) as untrained:
        begin_run(settings, order("base", "rag", "tuned", "hybrid"), quiet=True)
    assert "adapter" in untrained.value.message
    assert "--arms base,rag" in str(untrained.value.hint)
    for names in ((None, None), (order("rag"), "abcd")):
        with pytest.raises(InvalidRequestError):
            compare(settings, *names, Look(), None, again=False, as_json=True)
    with pytest.raises(NotFoundError):
        resume_run(settings, "0123456789", again=False, quiet=True)
    assert engine.fake.requests == []


def test_a_leak_is_refused_unless_forced_and_then_told(
    engine: Engine, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    trained = tmp_path / "train.jsonl"
    trained.write_text(json.dumps({"question": ASKED}))
    leaking = Order("harbour", Wish(arms=("rag",), corpora=("rules",)), (trained,))
    with pytest.raises(LeakError):
        begin_run(settings, leaking, quiet=True)
    assert engine.fake.requests == []
    run = begin_run(settings, Order(leaking.eval_set, leaking.wish, leaking.against, force=True), quiet=True)
    show_run(settings, run, Look(), as_json=True)
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    assert any("Forced" in one and "leak" in one for one in warnings)


def test_a_run_does_not_go_on_over_another_corpus_or_beside_another_process(
    engine: Engine, settings: Settings
) -> None:
    url = json.loads((settings.data_dir / "server.json").read_text())["url"]
    put(url, "dock.md", "# Dock\n\nThe dock is blue.\n", "docks")
    engine.unwell_after = 1
    with pytest.raises(EngineUnavailableError):
        begin_run(settings, order("base", "rag", corpora=("docks",), at_once=1), quiet=True)
    engine.unwell_after = None
    put(url, "more.md", "# More\n\nThe other dock is red.\n", "docks")
    with opened_store(settings) as store:
        (partial,) = EvalRuns(store).list(limit=1)
    engine.fake.requests.clear()
    with pytest.raises(ConflictError, match="docks has changed"):
        resume_run(settings, partial.id, again=False, quiet=True)
    assert engine.fake.requests == []


def test_a_report_that_cannot_be_written_leaves_the_run(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        compare(settings, order("rag"), None, Look(), tmp_path / "file" / "out", again=False, as_json=True)
    with opened_store(settings) as store:
        assert EvalRuns(store).list(limit=1)[0].state == "finished"


def test_misleading_passages_are_planted_beside_the_corpus(
    engine: Engine, settings: Settings, capsys: pytest.CaptureFixture
) -> None:
    run = begin_run(settings, order("base", "rag", planted=("counterfactual",)), quiet=True)
    with opened_store(settings) as store:
        replies = EvalRuns(store).replies(run).values()
        assert EvalRuns(store).get(run).facts.planted == ("counterfactual",)
    planted = [one for one in replies if one.variant == "counterfactual"]
    assert {one.arm for one in planted} == {"rag"}
    assert {one.case for one in planted} == {"gate", "ship", "yard"}
    assert any(one.uri.startswith("planted/") for reply in planted for one in reply.passages)
    assert not any(
        one.uri.startswith("planted/")
        for reply in replies
        if reply.variant == "asked"
        for one in reply.passages
    )


def test_prices_and_instructions_are_read_from_options(settings: Settings, tmp_path: Path) -> None:
    assert instructions_of(["base,rag=Say yes."]) == {"base": "Say yes.", "rag": "Say yes."}
    for wrong in ("base", "=x", "base=", ","):
        with pytest.raises(InvalidRequestError):
            instructions_of([wrong])
    with pytest.raises(InvalidRequestError, match="twice"):
        instructions_of(["base=a", "base=b"])
    file = tmp_path / "prices.toml"
    file.write_text('currency = "EUR"\n[all]\nin = 1\nout = 2\n[tuned]\nhour = 3\n')
    table = prices_of(settings, None, file, None, "")
    assert (table.rows["all"].per_million_out, table.rows["tuned"].per_hour) == (2, 3)
    assert table.rows["tuned"].currency == "EUR"
    for content in ("", "[all]\nin = 1\n", "[all]\ncents = 1\n", "no toml", "all = 3"):
        file.write_text(content)
        with pytest.raises(InvalidRequestError):
            prices_of(settings, None, file, None, "")
    with pytest.raises(InvalidRequestError):
        prices_of(settings, "1,2", None, 3.0, "")
    with pytest.raises(InvalidRequestError):
        prices_of(settings, "dear", None, None, "")
    priced = settings.model_copy(update={"engine": EngineSettings(price_in=1, price_out=2)})
    assert prices_of(priced, None, None, None, "USD").rows["all"].currency == "USD"
    assert prices_of(settings, None, None, None, "").rows == {}


def test_without_the_packages_to_score_with_nothing_is_asked(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.cli.eval_run.EVAL", ("ragas", "no_such_package"))
    with pytest.raises(SettingsError, match="Scoring needs no_such_package") as refused:
        begin_run(settings, order("base"), quiet=True)
    assert "EXTRAS=eval make setup" in str(refused.value.hint)
    assert engine.fake.requests == []
