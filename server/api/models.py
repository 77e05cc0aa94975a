"""`GET /v1/models`: recipes, as the models of an OpenAI client."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from server.api.identity import chatter_of, services_of
from server.services import Services
from tandem.recipes import Recipe

router = APIRouter(tags=["models"], dependencies=[Depends(chatter_of)])


class RecipeBody(BaseModel):
    """What the model's name stands for."""

    name: str
    version: str
    prompt: str
    prompt_version: str
    model: str
    passages: int


class ModelBody(BaseModel):
    """One recipe under its model name."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "tandem"
    tandem: RecipeBody


class ModelList(BaseModel):
    """All recipes."""

    object: str = "list"
    data: list[ModelBody]


@router.get("/v1/models")
async def list_models(services: Annotated[Services, Depends(services_of)]) -> ModelList:
    """`tandem` is the champion; the others are asked for by name."""
    return ModelList(data=[_body(model, services) for model in services.recipes.models()])


@router.get("/v1/models/{model}")
async def one_model(model: str, services: Annotated[Services, Depends(services_of)]) -> ModelBody:
    """One recipe by its model name."""
    return _body(model, services)


def _body(model: str, services: Services) -> ModelBody:
    recipe: Recipe = services.recipes.of_model(model)
    passages = recipe.retrieval.passages if recipe.retrieval else 0
    return ModelBody(
        id=model,
        tandem=RecipeBody(
            name=recipe.name,
            version=recipe.version,
            prompt=recipe.prompt,
            prompt_version=recipe.prompt_version,
            model=recipe.model,
            passages=passages,
        ),
    )
