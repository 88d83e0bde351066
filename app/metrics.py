"""The figures of /metrics, named once.

May assume one process; several processes have figures of their own and are scraped one by one. Promises: a label takes
few values (a platform, an outcome, a class of hosts, at most 50 rules), never an account, a handle or an address. Times
are seconds.

Counters and the histograms are moved where the thing happens. The gauges come from the database and are set by the
worker's housekeeping from a few queries, so that a scrape costs the database nothing.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

polls = Counter("quietwatch_polls", "Looks at accounts, by how they ended", ["platform", "outcome"], registry=REGISTRY)
posts_seen = Counter("quietwatch_posts_seen", "Posts seen for the first time", ["platform"], registry=REGISTRY)
observation_lag = Histogram(
    "quietwatch_observation_lag_seconds",
    "From the time of a post to our first sight of it, live looks only",
    ["platform"],
    buckets=(30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400),
    registry=REGISTRY,
)
late_posts = Counter(
    "quietwatch_late_posts",
    "Posts that surfaced inside time already called covered: first seen later than the settling margin",
    ["platform"],
    registry=REGISTRY,
)
requests = Counter(
    "quietwatch_requests",
    "Outgoing requests by platform and class of status (failed: no usable answer came)",
    ["platform", "status_class"],
    registry=REGISTRY,
)
request_seconds = Histogram(
    "quietwatch_request_seconds",
    "Time an outgoing request took, redirects included",
    ["platform"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30),
    registry=REGISTRY,
)
messages = Counter(
    "quietwatch_messages",
    "Messages to people, by service and result (sent, or why not)",
    ["service", "result"],
    registry=REGISTRY,
)
api_seconds = Histogram(
    "quietwatch_api_seconds",
    "Time to answer a request of the API or a page, by route and status",
    ["route", "status"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
deliveries = Counter(
    "quietwatch_deliveries",
    "Attempts to deliver to webhooks, by what became of the delivery (delivered, pending, failed, held)",
    ["fate"],
    registry=REGISTRY,
)
delivery_seconds = Histogram(
    "quietwatch_delivery_seconds",
    "Time an attempt to deliver took",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
    registry=REGISTRY,
)
accounts = Gauge("quietwatch_accounts", "Accounts by platform and status", ["platform", "status"], registry=REGISTRY)
coverage_share = Gauge(
    "quietwatch_coverage_share",
    "Share of the last 24 hours that is covered, mean over the watched accounts",
    ["platform"],
    registry=REGISTRY,
)
backlog = Gauge("quietwatch_backlog", "Accounts that are due and not yet looked at", registry=REGISTRY)
backlog_age = Gauge("quietwatch_backlog_age_seconds", "How long the oldest of them is overdue", registry=REGISTRY)
false_alarms = Gauge(
    "quietwatch_false_alarms",
    "Silences that adaptive rules told and a post ended, in the last 365 days: realised, and how many are borne",
    ["which"],
    registry=REGISTRY,
)

rule_alarms = Gauge(
    "quietwatch_rule_false_alarms",
    "The same by adaptive rule, for at most 50 of them: those that drift first, then those with most told",
    ["rule", "which"],
    registry=REGISTRY,
)
rule_accounts = Gauge(
    "quietwatch_rule_accounts",
    "Accounts of such a rule with more false alarms than are borne (above) and with fewer (below)",
    ["rule", "side"],
    registry=REGISTRY,
)
rules_drifting = Gauge(
    "quietwatch_rules_drifting",
    "Adaptive rules with more false alarms than are borne, beyond chance",
    registry=REGISTRY,
)
forecasts = Gauge(
    "quietwatch_forecasts",
    "Days of the last 90 that were forecast and watched, by the chance said (its bin): all, expected silent, silent",
    ["chance", "which"],
    registry=REGISTRY,
)
forecast_quality = Gauge(
    "quietwatch_forecast_quality",
    "Of the same days: brier, skill over each account's own share of silent days, calibration error",
    ["figure"],
    registry=REGISTRY,
)
forecast_drift = Gauge(
    "quietwatch_forecast_drift",
    "1: on three days in a row more accounts were silent than usual, -1: fewer, 0: neither, or too few to tell",
    registry=REGISTRY,
)
accounts_drifting = Gauge(
    "quietwatch_accounts_drifting",
    "Accounts that no longer keep to their rhythm, by whether so many are expected by chance",
    ["which"],
    registry=REGISTRY,
)


def render() -> bytes:
    """Everything in Prometheus's text format; its media type is ``CONTENT_TYPE``."""
    return generate_latest(REGISTRY)
