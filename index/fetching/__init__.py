"""Fetching web addresses safely: only public ones, within limits of size and time; knows nothing of articles."""

from index.fetching.addresses import AddressPolicy
from index.fetching.bodies import gunzip
from index.fetching.fetcher import Fetcher
from index.fetching.robots import PoliteFetcher
from index.fetching.types import Fetched, FetchLimits, WebFetcher

__all__ = ["AddressPolicy", "FetchLimits", "Fetched", "Fetcher", "PoliteFetcher", "WebFetcher", "gunzip"]
