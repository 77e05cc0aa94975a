"""Sentences of the recommendation, one module a topic. Each takes what was compared and says only what it shows."""
