"""The tables of instances and entities, with their filters."""

import json

from funchost.durable.api.page.durations import clock_text, duration_text
from funchost.durable.api.page.layout import Addresses, badge, table
from funchost.durable.api.page.markup import NOTHING, Child, Markup, element, join
from funchost.durable.api.parameters import Parameters
from funchost.durable.interface import (
    DurableClient,
    EntityFilter,
    InstanceFilter,
    InstanceStatus,
    RuntimeStatus,
)

__all__ = ["entities_page", "instances_page"]

_PAGE_SIZE = 50
_LONGEST_CELL = 80
_STATUSES = {
    status.text: status
    for status in (
        RuntimeStatus.RUNNING,
        RuntimeStatus.PENDING,
        RuntimeStatus.SUSPENDED,
        RuntimeStatus.COMPLETED,
        RuntimeStatus.FAILED,
        RuntimeStatus.TERMINATED,
        RuntimeStatus.CANCELED,
    )
}


async def instances_page(
    client: DurableClient, parameters: Parameters, addresses: Addresses
) -> list[Child]:
    """Newest first."""
    prefix = parameters.text("prefix") or ""
    name = parameters.text("name") or ""
    chosen = parameters.choices("status", _STATUSES)
    page = await client.query(
        InstanceFilter(
            id_prefix=prefix or None,
            name=name or None,
            statuses=frozenset(_STATUSES[status] for status in chosen),
            with_entities=False,
            newest_first=True,
        ),
        top=_PAGE_SIZE,
        continuation=parameters.text("page"),
    )
    given = {"prefix": prefix, "name": name, "status": ",".join(sorted(chosen))}
    rows = [_instance_row(status, addresses) for status in page.items]
    return [
        element("h1", "Instances"),
        _instance_filter(prefix, name, chosen, addresses),
        table(
            ["Status", "Orchestrator", "Instance", "Created", "Updated", "Took", "Custom status"],
            rows,
            class_="instances",
        )
        if rows
        else element(
            "p",
            "No instance is like that." if any(given.values()) else "No instance.",
            class_="none",
        ),
        _paging(
            first=addresses.list(**given) if parameters.text("page") else None,
            following=addresses.list(**given, page=page.continuation)
            if page.continuation
            else None,
        ),
    ]


def _instance_filter(
    prefix: str, name: str, chosen: frozenset[str], addresses: Addresses
) -> Markup:
    boxes = [
        element(
            "label",
            element("input", type="checkbox", name="status", value=text, checked=text in chosen),
            badge(status),
        )
        for text, status in _STATUSES.items()
    ]
    return element(
        "form",
        *_kept_fields(addresses),
        element("fieldset", element("legend", "Status"), *boxes),
        element("label", "Instance begins with ", element("input", name="prefix", value=prefix)),
        element("label", "Orchestrator ", element("input", name="name", value=name)),
        element("button", "Filter"),
        element("a", "All", href=addresses.list()),
        method="get",
        action=addresses.list().partition("?")[0],
    )


def _instance_row(status: InstanceStatus, addresses: Addresses) -> Markup:
    took = duration_text(status.updated - status.created) if status.is_finished else ""
    link = element("a", status.instance_id, href=addresses.instance(status.instance_id))
    problem: Child = NOTHING
    if status.problem is not None:
        problem = element("span", " !", title=status.problem, class_="problem")
    return element(
        "tr",
        element("td", badge(status.runtime_status), problem),
        element("td", status.name),
        element("td", link, class_="id"),
        element("td", clock_text(status.created), class_="time"),
        element("td", clock_text(status.updated), class_="time"),
        element("td", took, class_="number"),
        _value_cell(status.custom_status),
    )


async def entities_page(
    client: DurableClient, parameters: Parameters, addresses: Addresses
) -> list[Child]:
    name = parameters.text("name") or ""
    page = await client.entities(
        EntityFilter(name=name or None, with_state=True),
        top=_PAGE_SIZE,
        continuation=parameters.text("page"),
    )
    rows = [
        element(
            "tr",
            element("td", entity.id.name),
            element("td", entity.id.key, class_="id"),
            element("td", clock_text(entity.last_operation), class_="time"),
            element("td", entity.queue_length or "", class_="number"),
            element("td", entity.locked_by or ""),
            _value_cell(entity.state),
        )
        for entity in page.items
    ]
    return [
        element("h1", "Entities"),
        element(
            "form",
            *_kept_fields(addresses),
            element("label", "Entity ", element("input", name="name", value=name)),
            element("button", "Filter"),
            element("a", "All", href=addresses.entities()),
            method="get",
            action=addresses.entities().partition("?")[0],
        ),
        table(["Entity", "Key", "Last operation", "Waiting", "Locked by", "State"], rows)
        if rows
        else element("p", "No entity.", class_="none"),
        _paging(
            first=addresses.entities(name=name) if parameters.text("page") else None,
            following=addresses.entities(name=name, page=page.continuation)
            if page.continuation
            else None,
        ),
    ]


def _kept_fields(addresses: Addresses) -> list[Markup]:
    return [
        element("input", type="hidden", name=name, value=value)
        for name, value in addresses.kept.items()
    ]


def _value_cell(text: str | None) -> Markup:
    if text is None:
        return element("td")
    try:
        short = json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        short = text
    if len(short) > _LONGEST_CELL:
        short = f"{short[: _LONGEST_CELL - 1]}…"
    return element("td", element("code", short), class_="value")


def _paging(*, first: str | None, following: str | None) -> Markup:
    links = [
        element("a", text, href=address)
        for text, address in (("« First page", first), ("Next page »", following))
        if address is not None
    ]
    return element("p", *links, class_="paging") if links else join()
