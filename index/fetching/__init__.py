"""Fetching web addresses safely: only public ones, within limits of size and time; knows nothing of articles."""

from index.fetching.addresses import AddressPolicy
from index.fetching.types import Fetched, FetchLimits, WebFetcher

__all__ = ["AddressPolicy", "FetchLimits", "Fetched", "WebFetcher"]
