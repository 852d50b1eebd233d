"""What app processes on one PostgreSQL index have in common; imported only where ``index.url`` is set."""
