"""Recipes: immutable, versioned ways to answer, and the champion among them."""

from tandem.recipes.book import RecipeBook, SavedRecipe
from tandem.recipes.builtin import builtin_recipes
from tandem.recipes.changing import RecipeChanges
from tandem.recipes.models import check_served
from tandem.recipes.recipe import BUILTIN, MODEL, ReasoningMarks, Recipe, recipe_of
from tandem.retrieval_profile import RetrievalProfile

__all__ = [
    "BUILTIN",
    "MODEL",
    "ReasoningMarks",
    "Recipe",
    "RecipeBook",
    "RecipeChanges",
    "RetrievalProfile",
    "SavedRecipe",
    "builtin_recipes",
    "check_served",
    "recipe_of",
]
