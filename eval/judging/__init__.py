"""The judge: a model that Ragas asks, what it costs, and whether it may be believed."""
