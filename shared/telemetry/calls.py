"""Spans of calls to others over HTTP, by OpenTelemetry's semantic conventions."""

from shared.telemetry.tracing import Span, span


def http_call(method: str, server: str, template: str) -> Span:
    """`template` is the path with placeholders for what differs from call to call: an address may
    hold what is secret, and a span's name must be one of few."""
    return span(
        f"{method} {template}",
        kind="client",
        attributes={
            "http.request.method": method,
            "server.address": server,
            "url.template": template,
        },
    )
