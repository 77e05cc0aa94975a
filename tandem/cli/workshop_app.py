"""Commands of prompts and recipes. What they do stands in modules of their own."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.eval_gate_command import (
    AgainstOption,
    AtOnceOption,
    CorporaOption,
    LimitOption,
    ToleranceOption,
    WithoutOption,
)
from tandem.cli.options import AsJson
from tandem.settings import read_settings

prompts_app = typer.Typer(no_args_is_help=True, help="Prompts: versions, tags, and files for git.")
recipes_app = typer.Typer(no_args_is_help=True, help="Recipes: ways to answer, and the champion among them.")

PromptName = Annotated[str, typer.Argument(help="Name of the prompt.")]
PromptLabel = Annotated[
    str, typer.Argument(help="NAME, or NAME@VERSION: a number, the first digits of a hash, or a tag.")
]
Note = Annotated[str, typer.Option(help="Why; kept with the version.")]


@prompts_app.command("list")
def prompts_list(json: AsJson = False) -> None:
    """List the prompts, each in its newest version."""
    from tandem.cli.prompts import list_prompts

    list_prompts(read_settings(), as_json=json)


@prompts_app.command("show")
def prompts_show(label: PromptLabel, json: AsJson = False) -> None:
    """Print the text of a prompt."""
    from tandem.cli.prompts import show_prompt

    show_prompt(read_settings(), label, as_json=json)


@prompts_app.command("save")
def prompts_save(
    name: PromptName,
    file: Annotated[Path | None, typer.Argument(help="File with the text; stdin by default.")] = None,
    note: Note = "",
) -> None:
    """Save a text; a changed one becomes a new version."""
    from tandem.cli.prompts import save_prompt

    save_prompt(read_settings(), name, file, note)


@prompts_app.command("diff")
def prompts_diff(
    name: PromptName,
    before: Annotated[
        str | None, typer.Argument(help="Version; the one before the other by default.")
    ] = None,
    after: Annotated[str | None, typer.Argument(help="Version; the newest by default.")] = None,
) -> None:
    """Show what has changed from one version of a prompt to another."""
    from tandem.cli.prompts import print_diff

    print_diff(read_settings(), name, before, after)


@prompts_app.command("history")
def prompts_history(name: PromptName, json: AsJson = False) -> None:
    """List the versions of a prompt, newest first."""
    from tandem.cli.prompts import print_history

    print_history(read_settings(), name, as_json=json)


@prompts_app.command("tag")
def prompts_tag(
    name: PromptName,
    tag: Annotated[str, typer.Argument(help="The tag, such as production.")],
    version: Annotated[str | None, typer.Argument(help="Version; the newest by default.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away.")] = False,
) -> None:
    """Let a tag mean a version, whatever it meant before."""
    from tandem.cli.prompts import tag_prompt

    tag_prompt(read_settings(), name, tag, version, remove=remove)


@prompts_app.command("restore")
def prompts_restore(label: PromptLabel, note: Note = "") -> None:
    """Let an old text be the newest version."""
    from tandem.cli.prompts import restore_prompt

    restore_prompt(read_settings(), label, note)


@prompts_app.command("export")
def prompts_export(
    folder: Annotated[Path, typer.Argument(help="Folder for NAME.jinja and NAME.json.")],
    labels: Annotated[list[str] | None, typer.Argument(help="NAME or NAME@VERSION; all by default.")] = None,
) -> None:
    """Write prompts as files, for git."""
    from tandem.cli.prompts import export_prompts

    export_prompts(read_settings(), folder, labels or [])


@prompts_app.command("import")
def prompts_import(
    folder: Annotated[Path, typer.Argument(help="Folder with files NAME.jinja.")],
) -> None:
    """Save every prompt of a folder; what is unchanged makes no version."""
    from tandem.cli.prompts import import_prompts

    import_prompts(read_settings(), folder)


RecipeLabel = Annotated[
    str, typer.Argument(help="NAME, or NAME@VERSION: a number or the first digits of a hash.")
]
Reason = Annotated[str, typer.Option(help="Why; kept with the change.")]
Expected = Annotated[str | None, typer.Option(help="Change it only if this is the champion now.")]


@recipes_app.command("list")
def recipes_list(json: AsJson = False) -> None:
    """List the recipes; the champion is marked."""
    from tandem.cli.recipes import list_recipes

    list_recipes(read_settings(), as_json=json)


@recipes_app.command("show")
def recipes_show(label: RecipeLabel, json: AsJson = False) -> None:
    """Print all that shapes a recipe's answers, and its versions."""
    from tandem.cli.recipes import show_recipe

    show_recipe(read_settings(), label, as_json=json)


@recipes_app.command("save")
def recipes_save(
    name: Annotated[str, typer.Argument(help="Name of the recipe.")],
    base: Annotated[str, typer.Option("--from", help="The recipe it is made of: NAME or NAME@VERSION.")],
    prompt: Annotated[str | None, typer.Option(help="Prompt: NAME or NAME@VERSION.")] = None,
    model: Annotated[str | None, typer.Option(help="Base model or adapter at the engine.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1)] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of an answer.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the sampling.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="Text that ends an answer, repeatable.")] = None,
    examples_shown: Annotated[
        int | None, typer.Option(min=0, help="Most few-shot examples; 0 for none.")
    ] = None,
    examples_picked: Annotated[str | None, typer.Option(help="`static` or `similar`.")] = None,
    reasoning_opens: Annotated[
        str | None, typer.Option(help="What begins the reasoning; empty where it begins at once.")
    ] = None,
    reasoning_closes: Annotated[
        str | None, typer.Option(help="What ends the reasoning; empty where nothing is reasoning.")
    ] = None,
    passages: Annotated[int | None, typer.Option(min=1, help="Passages retrieved.")] = None,
    retrieval: Annotated[
        str | None, typer.Option(help="Further fields of the retrieval profile, as JSON; `false` for none.")
    ] = None,
    outside: Annotated[
        str | None,
        typer.Option(
            help="A question from outside the domain: `answer`, `abstain`, or the recipe that gets it."
        ),
    ] = None,
    abstain_bias: Annotated[
        float | None,
        typer.Option(min=-100, max=100, help='Logits for "I don\'t know." of a calibrated adapter.'),
    ] = None,
    note: Note = "",
) -> None:
    """Save a recipe that is made of another; what is not named stays."""
    from tandem.cli.recipes import save_recipe
    from tandem.recipes.changing import changes_of

    changes = changes_of(
        retrieval,
        passages,
        prompt=prompt,
        model=model,
        temperature=temperature,
        top_p=top_p,
        max_tokens=max_tokens,
        seed=seed,
        stop=stop,
        examples_shown=examples_shown,
        examples_picked=examples_picked,
        reasoning_opens=reasoning_opens,
        reasoning_closes=reasoning_closes,
        outside=outside,
        abstain_bias=abstain_bias,
    )
    save_recipe(read_settings(), name, base, changes, note)


@recipes_app.command("champion")
def recipes_champion(
    label: Annotated[
        str | None, typer.Argument(help="NAME or NAME@VERSION that is to serve; without it, nothing changes.")
    ] = None,
    reason: Reason = "",
    expected: Expected = None,
    json: AsJson = False,
) -> None:
    """Show the champion and its history, or let another recipe be it."""
    from tandem.cli.recipes import champion

    champion(read_settings(), label, reason, expected, as_json=json)


@recipes_app.command("promote")
def recipes_promote(
    label: RecipeLabel,
    gate: Annotated[str, typer.Option(help="Eval set to gate on, NAME or NAME@NUMBER.")],
    corpus: CorporaOption = None,
    tolerance: ToleranceOption = "",
    without: WithoutOption = False,
    limit: LimitOption = None,
    at_once: AtOnceOption = 16,
    against: AgainstOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Whatever the gate finds; the history says so.")
    ] = False,
    reason: Reason = "",
    json: AsJson = False,
) -> None:
    """Let a recipe be the champion if it is shown not to be worse. Exit code 1: it is worse; 2: too few questions."""
    from tandem.cli.eval_gate import EXIT_CODES, GateWish, tolerances_of
    from tandem.cli.promote import promote

    wish = GateWish(
        candidate=label,
        eval_set=gate,
        corpora=tuple(corpus or ()),
        tolerances=tolerances_of(tolerance),
        without=without,
        limit=limit,
        at_once=at_once,
        against=tuple(against or ()),
    )
    standing = promote(read_settings(), label, wish, reason, force=force, as_json=json)
    raise typer.Exit(EXIT_CODES[standing])


@recipes_app.command("rollback")
def recipes_rollback(reason: Reason = "", expected: Expected = None, json: AsJson = False) -> None:
    """Let the champion before serve again; once more, the one before that."""
    from tandem.cli.recipes import rollback

    rollback(read_settings(), reason, expected, as_json=json)
