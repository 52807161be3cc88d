"""Indexing: extract, build, gate, publish; the jobs behind ``lookalike reindex``.

It never answers queries, and search_api never imports it.
"""
