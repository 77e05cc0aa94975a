"""Tandem: answers over your own documents, cited and measured."""

__version__ = "0.1.0"
