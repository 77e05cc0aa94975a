"""Training sets through the real retriever, prompts and citer, of a small corpus of depots."""

import asyncio
import json
import shutil
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fake_vllm import FakeVllm, refuse, say
from model_tokens import default_tokenizer

from finetune.dataset.build import TrainingSet, build_set
from finetune.dataset.card import Card
from finetune.dataset.generated_file import GeneratedFile, Origin
from finetune.dataset.generating import generate_questions
from finetune.dataset.leaks import EvalSet
from finetune.dataset.options import Options
from finetune.dataset.questions import SourceQuestion
from finetune.examples import Kind, TrainingExample, read_examples
from ingest import Upload
from server.answering import Answer, Question, answer
from server.answering.choose import Choice
from server.opening import open_services
from server.services import Services
from tandem.cli.dataset import Wish, make_dataset
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.local import local_worker
from tandem.errors import (
    ConflictError,
    EngineUnavailableError,
    InvalidRequestError,
    LeakError,
    NotFoundError,
    TooFewExamplesError,
)
from tandem.prompts import PromptLibrary
from tandem.settings import AnswerSettings, EngineSettings, Settings
from tandem.vocabulary import Caller, Marks, document_id

CORPUS = "depots"
NAMES = (
    "Quorvex", "Belmane", "Tarnholt", "Ostrava", "Milligan", "Hexford", "Juniper", "Calloway", "Dunmere",
    "Everset", "Fenwick", "Garrow",
)  # fmt: skip
HOURS = (
    "midday", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
YARDS = (
    "north", "south", "east", "west", "upper", "lower", "copper", "marble", "gravel", "timber", "harbour", "railway",
)  # fmt: skip


def text_of(n: int) -> str:
    name = NAMES[n]
    return (
        f"# The {name} depot\n\nThe gate of the {name} depot closes at {HOURS[n]} in the evening, "
        f"on holidays {n + 31} minutes earlier. Deliveries for {name} wait at the {YARDS[n]} yard [{n + 2}]. "
        f"The night guard of {name} keeps {n + 140} keys and lends none of them.\n"
    )


def asked(n: int) -> list[SourceQuestion]:
    name, uri = NAMES[n], f"{NAMES[n]}.md"
    return [
        SourceQuestion(
            id=f"gate-{n}",
            question=f"When does the gate of the {name} depot close?",
            answers=(f"at {HOURS[n]} in the evening",),
            documents=(uri,),
        ),
        SourceQuestion(
            id=f"yard-{n}",
            question=f"Where do deliveries for {name} wait?",
            answers=(f"at the {YARDS[n]} yard [{n + 2}]",),
            documents=(document_id("default", CORPUS, uri),),
        ),
        SourceQuestion(
            id=f"keys-{n}",
            question=f"How many keys does the night guard of {name} keep?",
            answers=(str(n + 140),),
            documents=(uri,),
        ),
    ]


QUESTIONS = [question for n in range(len(NAMES)) for question in asked(n)]


def settings_for(folder: Path, fake: FakeVllm, **more: object) -> Settings:
    engine = EngineSettings(address=fake.address, tokenizer=default_tokenizer(), retries=0)
    return Settings(
        data_dir=folder, engine=engine, answer=AnswerSettings.model_validate({"evidence": 0, **more})
    )


async def ingested(settings: Settings) -> None:
    async with local_worker(settings) as (ingestor, _):
        for n, name in enumerate(NAMES):
            marks = Marks(metadata={"licence": "CC-BY-4.0"}) if n % 2 else Marks()
            upload = Upload(f"{name}.md", f"{name}.md", text_of(n).encode(), marks=marks)
            await ingestor.ingest(Caller(), CORPUS, upload)


@dataclass
class Kitchen:
    """Open services, and the event loop that they live in."""

    loop: asyncio.AbstractEventLoop
    services: Services
    fake: FakeVllm

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def serving(self, recipe: str = "rag", services: Services | None = None, **more: Any) -> RecipeServing:
        return RecipeServing(services or self.services, CORPUS, recipe, **{"passages": 3} | more)

    def build(
        self,
        questions: Sequence[SourceQuestion] = QUESTIONS,
        held: Sequence[EvalSet] = (),
        serving: RecipeServing | None = None,
        leaking: str = "refuse",
        **options: Any,
    ) -> TrainingSet:
        made = Options(**{"least": 5} | options)
        kitchen = serving or self.serving(seed=made.seed)
        return self.run(build_set(questions, held, kitchen, made, lambda *_: None, leaking=leaking))


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as fake:
        yield fake


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, fake: FakeVllm) -> Path:
    """A data folder with the corpus; to be copied."""
    folder = tmp_path_factory.mktemp("corpus")
    asyncio.run(ingested(settings_for(folder, fake)))
    return folder


@pytest.fixture(scope="module")
def kitchen(corpus: Path, tmp_path_factory: pytest.TempPathFactory, fake: FakeVllm) -> Iterator[Kitchen]:
    folder = shutil.copytree(corpus, tmp_path_factory.mktemp("kitchen") / "data")
    loop, stack = asyncio.new_event_loop(), AsyncExitStack()
    services, *_ = loop.run_until_complete(open_services(settings_for(folder, fake), stack, lambda _: None))
    yield Kitchen(loop, services, fake)
    loop.run_until_complete(stack.aclose())
    loop.close()


@pytest.fixture(scope="module")
def made(kitchen: Kitchen) -> TrainingSet:
    return kitchen.build(validation=0.2)


def of(kind: Kind, examples: Sequence[TrainingExample]) -> list[TrainingExample]:
    return [example for example in examples if example.kind is kind]


def without_fence(messages: Sequence[dict[str, str]]) -> list[str]:
    return [
        "\n".join(line for line in message["content"].split("\n") if not line.startswith("[end of"))
        for message in messages
    ]


def test_a_prompt_is_to_the_letter_what_serving_sends_for_the_question(
    kitchen: Kitchen, made: TrainingSet
) -> None:
    # The documents of the validation are left out in training only, so these prompts are as they are served.
    kitchen.fake.plays[:] = [say("x")]
    recipe = kitchen.serving().recipe

    async def sent(text: str) -> list[dict[str, str]]:
        question = Question(Caller(), "tandem:rag", text, corpora=(CORPUS,))
        events = [event async for event in answer(question, kitchen.services, Choice(recipe), kept=False)]
        assert isinstance(events[-1], Answer)
        return kitchen.fake.requests[-1]["messages"]

    grounded = of(Kind.GROUNDED, made.validation)
    assert grounded
    for example in grounded:
        assert without_fence(kitchen.run(sent(example.question))) == without_fence(example.messages)


def test_serving_shows_every_wanted_answer_whole_and_cites_its_document(
    kitchen: Kitchen, made: TrainingSet
) -> None:
    serving, texts = kitchen.serving(), {name: text_of(n) for n, name in enumerate(NAMES)}
    grounded = of(Kind.GROUNDED, [*made.train, *made.validation])
    assert len(grounded) == len(QUESTIONS)
    for example in grounded:
        passages = kitchen.run(serving.retrieve(example.question, frozenset(), 3))
        cited = serving.cite(example.answer, [p for p in passages if p.chunk.id in example.passages])
        assert cited.text == f"{example.answer} [1]"
        assert cited.quotes[0][0] == document_id("default", CORPUS, example.documents[0])
        # The article's own mark, which serving would take for that of a passage, is left out.
        assert "[" not in example.answer
        assert example.answer in texts[example.documents[0].removesuffix(".md")]


def test_no_document_is_on_both_sides_nor_shown_in_training(made: TrainingSet) -> None:
    validating = {uri for example in made.validation for uri in example.documents}
    assert validating
    assert not validating & {uri for example in made.train for uri in example.documents}
    for example in made.train:
        for uri in validating:
            assert f"The gate of the {uri.removesuffix('.md')}" not in example.messages[-1]["content"]


def test_the_share_of_each_kind_is_as_asked(kitchen: Kitchen) -> None:
    made = kitchen.build(unanswerable=0.4, closed=0.25, validation=0)
    counts = [len(of(kind, made.train)) for kind in (Kind.GROUNDED, Kind.UNANSWERABLE, Kind.CLOSED)]
    assert counts == [36, 24, 20]


def test_what_cannot_be_answered_shows_real_passages_without_its_document(made: TrainingSet) -> None:
    for example in of(Kind.UNANSWERABLE, made.train):
        assert example.answer == "I don't know."
        assert example.references == ()
        assert len(example.passages) == 3
        context = example.messages[-1]["content"].split("[end of text")[0]
        assert example.documents[0].removesuffix(".md") not in context


def test_a_closed_book_example_is_the_prompt_of_base(made: TrainingSet) -> None:
    for example in of(Kind.CLOSED, made.train):
        assert example.messages == ({"role": "user", "content": example.question},)
        assert example.passages == ()


def test_no_two_prompts_end_at_the_same_mark(made: TrainingSet) -> None:
    marks = [e.messages[-1]["content"].split("[end of text ")[1][:8] for e in made.train if e.passages]
    assert len(set(marks)) == len(marks)


def test_the_same_seed_makes_the_same_set(kitchen: Kitchen, made: TrainingSet) -> None:
    again = kitchen.build(validation=0.2)
    assert (again.train, again.validation) == (made.train, made.validation)
    assert kitchen.build(validation=0.2, seed=1).train != made.train


def test_a_prompt_that_shows_numbers_wants_the_number_of_the_passage(kitchen: Kitchen) -> None:
    template = PromptLibrary().text("rag_numbered")
    serving = kitchen.serving()
    serving.recipe, serving.numbered = replace(serving.recipe, template=template), True
    made = kitchen.build(serving=serving, copies=3, validation=0)
    grounded = of(Kind.GROUNDED, made.train)
    numbers = set()
    for example in grounded:
        number = int(example.answer[-2])
        shown = example.messages[-1]["content"].split(f"[{number}] ")[1]
        assert shown.startswith(f"The {example.documents[0].removesuffix('.md')} depot")
        numbers.add(number)
    assert numbers == {1, 2, 3}


def test_copies_show_one_question_among_other_passages(kitchen: Kitchen) -> None:
    made = kitchen.build(copies=3, validation=0, unanswerable=0, closed=0)
    assert len(made.train) == 3 * len(QUESTIONS)
    assert len({example.id for example in made.train}) == len(made.train)
    assert len({(example.question, example.passages) for example in made.train}) > 2.5 * len(QUESTIONS)
    answers: dict[str, set[str]] = {}
    for example in made.train:
        answers.setdefault(example.question, set()).add(example.answer)
    assert all(len(each) == 1 for each in answers.values())


def test_the_style_sentence_wants_the_whole_sentence(kitchen: Kitchen) -> None:
    made = kitchen.build(asked(0), style="sentence", validation=0, unanswerable=0, closed=0, least=1)
    answers = {example.question: example.answer for example in made.train}
    assert (
        answers["Where do deliveries for Quorvex wait?"] == "Deliveries for Quorvex wait at the north yard."
    )


def test_a_label_comes_first_and_the_sentence_that_speaks_for_it_after(kitchen: Kitchen) -> None:
    question = SourceQuestion(
        question="Does the night guard of Quorvex lend keys?",
        answers=("The guard of Quorvex lends no keys.",),
        documents=("Quorvex.md",),
        label="no",
    )
    made = kitchen.build([question], validation=0, unanswerable=0, closed=0, least=1)
    assert made.train[0].answer == "No: The night guard of Quorvex keeps 140 keys and lends none of them."
    assert made.train[0].references == ("no", "The guard of Quorvex lends no keys.")
    bare = kitchen.build([question], style="label", validation=0, unanswerable=0, closed=0, least=1)
    assert bare.train[0].answer == "No."


def test_what_another_document_answers_too_is_never_one_without_an_answer(kitchen: Kitchen) -> None:
    marked = [one.model_copy(update={"elsewhere": True}) for one in QUESTIONS]
    made = kitchen.build(marked, validation=0, unanswerable=0.5, closed=0)
    assert of(Kind.UNANSWERABLE, made.train) == []
    assert all(example.elsewhere for example in made.train)


def missed(kitchen: Kitchen) -> SourceQuestion:
    """A question whose document is the last that the retriever finds for it."""
    text = "Where do deliveries for Belmane wait?"
    last = kitchen.run(kitchen.serving().retrieve(text, frozenset(), len(NAMES)))[-1].chunk.uri
    yard = YARDS[NAMES.index(last.removesuffix(".md"))]
    return SourceQuestion(question=text, answers=(f"at the {yard} yard",), documents=(last,))


def test_a_passage_that_the_retriever_missed_is_put_in(kitchen: Kitchen) -> None:
    question, serving = missed(kitchen), kitchen.serving(passages=2)
    made = kitchen.build([question], serving=serving, validation=0, unanswerable=0, closed=0, least=1)
    assert made.trained.answer_found == 0
    assert made.trained.put == 1
    assert question.answers[0] in made.train[0].messages[-1]["content"]
    assert len(made.train[0].passages) == 2


def test_or_the_question_is_dropped_and_counted(kitchen: Kitchen) -> None:
    serving = kitchen.serving(passages=2)
    with pytest.raises(TooFewExamplesError, match="1: the retriever missed it"):
        kitchen.build([missed(kitchen)], serving=serving, missed="drop", validation=0, least=1)


def test_where_the_excerpt_is_of_other_sentences_those_with_the_answer_are_shown(kitchen: Kitchen) -> None:
    question = SourceQuestion(
        question="When does the gate of the Quorvex depot close in the evening?",
        answers=(f"at the {YARDS[0]} yard",),
        documents=(f"{NAMES[0]}.md",),
    )
    serving = kitchen.serving()
    serving.profile = replace(serving.profile, excerpt_tokens=24)
    serving.recipe = replace(serving.recipe, retrieval=serving.profile)
    found = kitchen.run(serving.retrieve(question.question, frozenset(), 3))
    usual = "".join(m["content"] for m in serving.assemble(question.question, found).messages)
    assert f"The gate of the {NAMES[0]} depot closes" in usual
    assert question.answers[0] not in usual
    made = kitchen.build([question], serving=serving, validation=0, unanswerable=0, closed=0, least=1)
    shown = made.train[0].messages[-1]["content"]
    assert f"wait at the {YARDS[0]} yard" in shown
    assert f"The gate of the {NAMES[0]} depot closes" not in shown
    assert made.train[0].answer == f"at the {YARDS[0]} yard"


def test_a_question_that_has_no_answer_is_always_one_to_abstain_from(kitchen: Kitchen) -> None:
    question = SourceQuestion(question="Who founded the Quorvex depot?", answerable=False)
    made = kitchen.build([*asked(0), question], unanswerable=0, closed=0, validation=0, least=1)
    (one,) = of(Kind.UNANSWERABLE, made.train)
    assert (one.question, one.answer) == (question.question, "I don't know.")


def test_documents_that_are_not_there_are_counted_and_the_first_named(kitchen: Kitchen) -> None:
    strange = [question.model_copy(update={"documents": ("none.md", "gone.md")}) for question in asked(0)]
    with pytest.raises(NotFoundError, match=r"2 of 26 documents .* the first is 'none.md'"):
        kitchen.build([*strange, *QUESTIONS])


def test_too_few_examples_say_how_many_there_are(kitchen: Kitchen) -> None:
    with pytest.raises(TooFewExamplesError, match="3 questions make 3 examples to train on; at least 20"):
        kitchen.build(asked(0), validation=0, least=20)


def test_a_leak_by_wording_or_by_document_is_found(kitchen: Kitchen) -> None:
    held = EvalSet(
        Path("dev.jsonl"), ("when does the gate of the QUORVEX depot close",), ("Garrow.md", "no.md")
    )
    with pytest.raises(
        LeakError, match=r"1 questions of dev.jsonl are the same, 0 nearly.* 1 documents are shared"
    ):
        kitchen.build(held=[held])
    made = kitchen.build(held=[held], leaking="drop")
    assert len(made.questions) == len(QUESTIONS) - 4
    # A document that is asked about there is not even shown as a distractor.
    assert not any("gate of the Garrow" in each.messages[-1]["content"] for each in made.train)
    kept = kitchen.build(held=[held], leaking="keep")
    assert len(kept.questions) == len(QUESTIONS)
    assert kept.leaks[0].documents == ("Garrow.md",)


def written(file: Path, questions: Sequence[SourceQuestion]) -> Path:
    rows = (
        {"id": q.id, "question": q.question, "answers": q.answers, "doc_ids": q.documents} for q in questions
    )
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def data(corpus: Path, tmp_path: Path) -> Path:
    return shutil.copytree(corpus, tmp_path / "data")


def test_the_command_writes_a_whole_folder_with_its_card(
    data: Path, tmp_path: Path, fake: FakeVllm, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = written(tmp_path / "questions.jsonl", QUESTIONS)
    held = written(tmp_path / "dev.jsonl", asked(3)[:1])
    wish = Wish(
        tmp_path / "set", CORPUS, questions, against=(held,), leaking="keep", recipe="rag", passages=3
    )
    make_dataset(settings_for(data, fake), wish, Options(validation=0.2), as_json=False)
    names = {file.name for file in (tmp_path / "set").iterdir()}
    assert names == {"train.jsonl", "validation.jsonl", "card.json", "card.md"}
    card = Card.model_validate_json((tmp_path / "set" / "card.json").read_text())
    train = list(read_examples(tmp_path / "set" / "train.jsonl"))
    assert card.train.examples == len(train)
    assert sum(card.train.kinds.values()) == len(train)
    assert card.licences == {"CC-BY-4.0": 6, "not named": 6}
    assert card.train.prompt_tokens.longest > card.train.prompt_tokens.mean > 100
    assert card.leaking == "kept"
    assert "leaks into an eval set" in (tmp_path / "set" / "card.md").read_text()
    assert card.data_hash[:16] in capsys.readouterr().out


def test_the_command_refuses_before_it_loads_anything(data: Path, tmp_path: Path, fake: FakeVllm) -> None:
    questions = written(tmp_path / "questions.jsonl", QUESTIONS)
    settings = settings_for(data, fake)
    with pytest.raises(InvalidRequestError, match="one of --questions, --feedback, --generate"):
        make_dataset(settings, Wish(tmp_path / "set", CORPUS), Options(), as_json=True)
    with pytest.raises(NotFoundError, match="no corpus 'other'"):
        make_dataset(settings, Wish(tmp_path / "set", "other", questions), Options(), as_json=True)
    with pytest.raises(ConflictError, match="there already"):
        make_dataset(settings, Wish(tmp_path, CORPUS, questions), Options(), as_json=True)
    assert not (tmp_path / "set").exists()


def told(question: str, said: str) -> str:
    return json.dumps({"question": question, "answer": said})


def test_made_questions_pass_only_with_a_way_back_and_are_not_made_twice(
    data: Path, tmp_path: Path, fake: FakeVllm
) -> None:
    """Whatever the depot, the fake asks about one: from all others the way back ends elsewhere."""
    fake.requests.clear()
    fake.plays[:] = [say(told("When does the gate of the Quorvex depot close?", "in the evening"))]
    wish = Wish(tmp_path / "set", CORPUS, generate=12, recipe="rag", passages=1)
    kept = tmp_path / "set.generated.jsonl"
    with pytest.raises(TooFewExamplesError):
        make_dataset(settings_for(data, fake), wish, Options(validation=0), as_json=True)
    assert len(fake.requests) == len(NAMES)
    assert kept.exists()
    fake.plays[:] = [refuse(500, b"")]
    options = Options(least=1, validation=0, unanswerable=0, closed=0)
    make_dataset(settings_for(data, fake), wish, options, as_json=True)
    assert len(fake.requests) == len(NAMES)
    card = Card.model_validate_json((tmp_path / "set" / "card.json").read_text())
    assert card.source == "generated"
    assert card.train.examples == 1
    assert set(card.not_taken) == {"the retriever does not find its document", "it was asked before"}
    assert sum(card.not_taken.values()) == len(NAMES) - 1
    assert not kept.exists()
    assert len((tmp_path / "set" / "generated.jsonl").read_text().splitlines()) == 1 + len(NAMES)


def generated(kitchen: Kitchen, folder: Path, reply: str) -> tuple[list[SourceQuestion], dict[str, int]]:
    async def ask(messages: list[dict[str, str]], response_format: dict[str, Any]) -> str:
        return reply

    with GeneratedFile(folder / "made.jsonl", Origin(CORPUS, "m", "p")) as file:
        found = generate_questions(12, kitchen.serving(), ask, file, 0, lambda *_: None)
        questions, dropped = kitchen.run(found)
    return questions, dict(dropped)


@pytest.mark.parametrize(
    ("question", "said", "why"),
    [
        ("What does the text say of the gate?", "in the evening", "it points at its text"),
        ("The gate?", "in the evening", "it is no whole question"),
        ("Is it in the evening that gates close?", "in the evening", "the question gives the answer"),
        ("When does the gate of Quorvex close?", "at dawn", "the answer is not in the passage"),
        ("When does the gate of Quorvex close?", "in the evening " * 31, "the answer is too long"),
        ("", "", "the model wrote no question with an answer"),
    ],
)
def test_a_made_question_is_dropped_for_a_reason(
    kitchen: Kitchen, tmp_path: Path, question: str, said: str, why: str
) -> None:
    questions, dropped = generated(kitchen, tmp_path, told(question, said))
    assert (questions, dropped) == ([], {why: len(NAMES)})


def test_an_answer_in_other_words_becomes_the_sentence_that_it_means(
    kitchen: Kitchen, tmp_path: Path
) -> None:
    said = "The night guard of Quorvex keeps 140 keys and will lend none of them."
    questions, _ = generated(kitchen, tmp_path, told("How many keys does the guard of Quorvex keep?", said))
    answers = {question.answers[0] for question in questions}
    assert answers == {"The night guard of Quorvex keeps 140 keys and lends none of them."}


def test_an_engine_that_fails_leaves_no_set(data: Path, tmp_path: Path, fake: FakeVllm) -> None:
    fake.plays[:] = [refuse(503, {"error": {"message": "busy"}})]
    wish = Wish(tmp_path / "set", CORPUS, generate=5, recipe="rag", model="big", model_address=fake.address)
    with pytest.raises(EngineUnavailableError):
        make_dataset(settings_for(data, fake), wish, Options(), as_json=True)
    assert not (tmp_path / "set").exists()
