"""A small telemetry backend on this machine: takes OTLP over HTTP and what Application Insights'
track endpoint takes, keeps it in memory, and shows traces as text."""

from local.collector.server import Collector, collecting
from local.collector.store import Kept, Span
from local.collector.tree import tree

__all__ = ["Collector", "Kept", "Span", "collecting", "tree"]
