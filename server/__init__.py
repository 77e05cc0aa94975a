"""The HTTP service: answers questions, serves documents and pages."""
