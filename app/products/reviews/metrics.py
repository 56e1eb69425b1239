"""Counters of the recommendations."""

from prometheus_client import Counter

RECOMMENDATIONS = Counter(
    "recommendations_total", "Lists of recommendations given, by engine.", ["engine"]
)
PROVIDER_CALLS = Counter(
    "recommender_calls_total",
    "Lists wanted of the provider: answered, cached, failed, invalid, limited (429), open (circuit "
    "breaker), busy.",
    ["outcome"],
)
