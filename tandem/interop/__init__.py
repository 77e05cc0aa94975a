"""Tandem in other frameworks' terms. Each module imports its framework, so name the one that you want."""
