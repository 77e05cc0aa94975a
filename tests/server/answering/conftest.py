"""Parts for tests of single steps: real prompts and recipes, the default model's real tokenizer."""

from types import SimpleNamespace

import pytest
from model_tokens import default_tokens

from server.fence import Fence
from server.resilience import Resilience
from tandem.prompts import PromptLibrary
from tandem.recipes import builtin_recipes
from tandem.settings import AnswerSettings, EngineSettings, Settings
from tandem.tokens import ModelTokens


@pytest.fixture(scope="session")
def tokens() -> ModelTokens:
    return default_tokens()


@pytest.fixture(scope="session")
def parts(tokens):
    """Makes what `assemble` needs of the services; settings of [answer] and the context as wanted."""

    def made(
        *, context: int = 4_096, tokens: ModelTokens = tokens, digest: str | None = None, **answer: object
    ) -> SimpleNamespace:
        settings = Settings(
            engine=EngineSettings(context_tokens=context), answer=AnswerSettings.model_validate(answer)
        )
        prompts = PromptLibrary()
        recipes = builtin_recipes(settings, prompts, digest)
        return SimpleNamespace(
            resilience=Resilience(),
            settings=settings,
            prompts=prompts,
            recipes=recipes,
            tokens=tokens,
            fence=Fence(b"test"),
        )

    return made
