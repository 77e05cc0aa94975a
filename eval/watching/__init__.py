"""Samples the quality of live answers, in the background and within a budget."""
