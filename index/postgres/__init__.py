"""The index on PostgreSQL with pgvector, for more than one machine; imported only where ``index.url`` is set.

:raises ConfigError: When it is imported without PostgreSQL's client, which is an extra.
"""

from index.errors import ConfigError

try:
    import psycopg  # noqa: F401 - only whether it is there
except ImportError as missing:
    raise ConfigError("index.url needs PostgreSQL's client: pip install 'article-qa[postgres]'") from missing
