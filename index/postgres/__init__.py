"""The index on PostgreSQL with pgvector, for more than one machine; imported only where ``index.url`` is set."""
