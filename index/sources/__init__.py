"""Sources: pages, feeds, sitemaps and folders become articles; knows nothing of passages, questions or who asks.

Imports nothing here: the process that parses one feed starts from this package and must start fast.
"""
