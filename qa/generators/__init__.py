"""Models that write: one small protocol, several engines. Knows nothing of articles or the index."""
