"""A fake model for Ragas's test-set generation: it answers each of its forms, as no model of these machines can."""

import json
import re
from typing import Any

GUARD = "Night guard"


def fake_answer(prompt: str, response_format: dict[str, Any]) -> str:
    """JSON of the form that is asked for, made of the input at the prompt's end."""
    form = response_format["json_schema"]["name"]
    given = json.loads(prompt[prompt.rindex("input: ") + len("input: ") : prompt.rindex("Output: ")])
    return json.dumps(_ANSWERS[form](given))


def _entities(given: dict[str, Any]) -> list[str]:
    return sorted(set(re.findall(r"[A-Z][a-z]{4,}", given["text"])))


_ANSWERS = {
    "StringIO": lambda given: {"text": given["text"][:80]},
    "Persona": lambda given: {"name": GUARD, "role_description": "keeps the keys"},
    "QuestionPotentialOutput": lambda given: {"score": 4},
    "ThemesAndConcepts": lambda given: {"output": _entities(given)},
    "NEROutput": lambda given: {"entities": _entities(given)},
    "PersonaThemesMapping": lambda given: {
        "mapping": {GUARD: given["themes"], "Somebody else": given["themes"]}
    },
    "ConceptCombinations": lambda given: {"combinations": [[one[0] for one in given["lists_of_concepts"]]]},
    "GeneratedQueryAnswer": lambda given: {
        "query": f"What of {given.get('term') or ' and '.join(given['themes'])} is told in "
        f"{len(given['context'])} letters?",
        "answer": given["context"] if isinstance(given["context"], str) else " ".join(given["context"]),
    },
}
