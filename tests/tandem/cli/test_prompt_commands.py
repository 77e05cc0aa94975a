"""`tandem prompts` and `tandem recipes`, on a store of their own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tandem.cli import app
from tandem.errors import ConflictError, InvalidPromptError, InvalidRequestError, NotFoundError

ASKS = '{% call message("user") %}{{ question }}{% endcall %}\n'
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; gives what it prints, raises what it refuses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LOGNAME", "ada")

    def command(*arguments: object) -> str:
        capsys.readouterr()
        app([str(one) for one in arguments], standalone_mode=False)
        return capsys.readouterr().out

    return command


def save(run: Run, text: str, name: str = "mine", note: str = "") -> str:
    file = Path("text.jinja")
    file.write_text(text)
    return run("prompts", "save", name, file, "--note", note)


def test_a_prompt_is_saved_shown_compared_tagged_and_restored(run: Run) -> None:
    assert save(run, ASKS, note="begin").startswith("saved  mine@1")
    assert save(run, ASKS).startswith("unchanged  mine@1")
    save(run, "{# two #}\n" + ASKS)
    assert "+{# two #}" in run("prompts", "diff", "mine").splitlines()
    run("prompts", "tag", "mine", "production", 1)
    assert run("prompts", "show", "mine@production") == ASKS
    assert run("prompts", "restore", "mine@1").startswith("restored  mine@3")
    history = json.loads(run("prompts", "history", "mine", "--json"))
    assert [(one["number"], one["author"]) for one in history] == [(3, "ada"), (2, "ada"), (1, "ada")]
    assert (history[2]["tags"], history[2]["note"]) == (["production"], "begin")
    run("prompts", "tag", "mine", "production", "--remove")
    with pytest.raises(NotFoundError):
        run("prompts", "show", "mine@production")


def test_a_bad_prompt_is_refused(run: Run) -> None:
    with pytest.raises(InvalidPromptError):
        save(run, "{{ nosuch }}" + ASKS)
    with pytest.raises(NotFoundError):
        run("prompts", "show", "mine")


def test_prompts_go_out_as_files_and_come_back_with_the_same_hashes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "{# Grüße – 日本 #}\n" + ASKS + "\n"
    save(run, text, note="for git")
    run("prompts", "export", "folder")
    assert Path("folder/mine.jinja").read_text() == text
    before = {one["name"]: one["hash"] for one in json.loads(run("prompts", "list", "--json"))}
    monkeypatch.setenv("TANDEM_DATA_DIR", str(Path("other").absolute()))
    monkeypatch.setenv("LOGNAME", "bob")
    run("prompts", "import", "folder")
    after = json.loads(run("prompts", "list", "--json"))
    assert {one["name"]: one["hash"] for one in after} == before
    (mine,) = [one for one in after if one["name"] == "mine"]
    assert (mine["author"], mine["note"]) == ("ada", "for git")
    assert "saved" not in run("prompts", "import", "folder")
    Path("folder/mine.jinja").write_text(ASKS)
    assert "saved  mine@2" in run("prompts", "import", "folder")
    assert json.loads(run("prompts", "show", "mine", "--json"))["author"] == "bob"


def test_a_folder_with_one_bad_prompt_is_not_imported(run: Run) -> None:
    Path("folder").mkdir()
    Path("folder/a.jinja").write_text(ASKS)
    Path("folder/b.jinja").write_text("{% if %}")
    with pytest.raises(InvalidPromptError, match=r"b\.jinja"):
        run("prompts", "import", "folder")
    with pytest.raises(NotFoundError):
        run("prompts", "show", "a")


def test_a_recipe_is_saved_and_becomes_the_champion_and_goes_back(run: Run) -> None:
    save(run, ASKS)
    saved = run(
        "recipes", "save", "cool", "--from", "rag", "--prompt", "mine", "--temperature", 0.5, "--passages", 2
    )
    assert saved.startswith("saved  cool@1")
    shown = json.loads(run("recipes", "show", "cool", "--json"))
    assert shown["definition"]["prompt"] == "mine"
    assert shown["definition"]["sampling"]["temperature"] == 0.5
    assert shown["definition"]["retrieval"]["passages"] == 2
    version = shown["version"]
    assert json.loads(run("recipes", "champion", "--json"))["champion"] == "rag"
    run("recipes", "champion", "cool", "--reason", "better", "--expected", "rag")
    with pytest.raises(ConflictError):
        run("recipes", "champion", "base", "--expected", "rag")
    told = json.loads(run("recipes", "champion", "--json"))
    assert (told["champion"], told["history"][0]["reason"]) == (f"cool@{version}", "better")
    assert "* cool" in run("recipes", "list")
    assert json.loads(run("recipes", "rollback", "--json"))["champion"] == "rag"
    with pytest.raises(NotFoundError):
        run("recipes", "rollback")


def test_sampling_and_reasoning_of_a_recipe_are_options(run: Run) -> None:
    sampling = ("--top-p", 0.9, "--seed", 7, "--stop", "END", "--stop", "STOP", "--max-tokens", 99)
    run(
        "recipes",
        "save",
        "cool",
        "--from",
        "base",
        *sampling,
        "--reasoning-opens",
        "",
        "--reasoning-closes",
        "Answer:",
    )
    definition = json.loads(run("recipes", "show", "cool", "--json"))["definition"]
    told = {name: definition["sampling"][name] for name in ("top_p", "seed", "stop", "max_tokens")}
    assert told == {"top_p": 0.9, "seed": 7, "stop": ["END", "STOP"], "max_tokens": 99}
    assert definition["reasoning"] == {"opens": "", "closes": "Answer:"}
    for wrong in (("--examples-picked", "nosuch"), ("--examples-shown", 2)):
        with pytest.raises(InvalidRequestError, match="examples"):
            run("recipes", "save", "cool", "--from", "base", *wrong)


def test_a_recipe_without_retrieval_is_said_by_false(run: Run) -> None:
    run("recipes", "save", "plain", "--from", "rag", "--retrieval", "false")
    assert json.loads(run("recipes", "show", "plain", "--json"))["definition"]["retrieval"] is None
    with pytest.raises(InvalidRequestError, match="JSON"):
        run("recipes", "save", "plain", "--from", "rag", "--retrieval", "{")
    with pytest.raises(InvalidRequestError, match="retrieval"):
        run("recipes", "save", "plain", "--from", "rag", "--retrieval", '"x"')
