"""Malformed requests for every way in, and what must not come of them; ``scripts/fuzz_api.py`` sends many."""
