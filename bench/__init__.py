"""Benchmarks beside a peer or a limit. Each prints its figures and keeps them in `results/`."""
