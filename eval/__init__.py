"""Measures of each stage."""
