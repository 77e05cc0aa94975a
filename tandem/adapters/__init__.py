"""Adapters: versions of LoRA weights, each with all that is needed to trust it."""

from tandem.adapters.registry import AdapterRegistry
from tandem.adapters.version import AdapterFacts, AdapterVersion

__all__ = ["AdapterFacts", "AdapterRegistry", "AdapterVersion"]
