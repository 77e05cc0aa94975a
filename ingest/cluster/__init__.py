"""Ingestion over a cluster: Ray reads, embeds and writes; jobs, versions and the store stay as they are.

`starting` can be imported without the extra `ray`, `runner` cannot.
"""
