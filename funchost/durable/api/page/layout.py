"""What all pages have in common: the frame, the links between them, and how values are shown."""

import json
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from funchost.durable.api.page.markup import NOTHING, Child, Markup, element, join
from funchost.durable.interface import RuntimeStatus

__all__ = ["PAGE_PATH", "Addresses", "badge", "frame", "shown_json", "table"]

PAGE_PATH = "/admin/durable"
_LONGEST_VALUE = 200_000


@dataclass(frozen=True)
class Addresses:
    """Links that keep to the task hub, and to the key where one is needed."""

    hub: str
    is_default_hub: bool = True
    key: str | None = None

    @property
    def kept(self) -> dict[str, str]:
        """What each link and form has to carry."""
        hub = {} if self.is_default_hub else {"taskHub": self.hub}
        return hub if self.key is None else {**hub, "code": self.key}

    def list(self, **parameters: str) -> str:
        return self._address(PAGE_PATH, parameters)

    def entities(self, **parameters: str) -> str:
        return self._address(f"{PAGE_PATH}/entities", parameters)

    def style(self) -> str:
        return self._address(f"{PAGE_PATH}/style.css", {})

    def instance(self, instance_id: str, **parameters: str) -> str:
        return self._address(f"{PAGE_PATH}/instances/{quote(instance_id, safe='')}", parameters)

    def _address(self, path: str, parameters: dict[str, str]) -> str:
        query = urlencode({**self.kept, **{k: v for k, v in parameters.items() if v}})
        return f"{path}?{query}" if query else path


def frame(title: str, addresses: Addresses, hubs: list[str], *body: Child) -> Markup:
    """A whole document. `hubs` are all that can be looked at."""
    code = {} if addresses.key is None else {"code": addresses.key}
    others = [
        element("a", hub, href=f"{PAGE_PATH}?{urlencode({'taskHub': hub, **code})}")
        for hub in hubs
        if hub.lower() != addresses.hub.lower()
    ]
    header = element(
        "header",
        element("a", "Durable Functions", href=addresses.list(), class_="home"),
        element(
            "nav",
            element("a", "Instances", href=addresses.list()),
            element("a", "Entities", href=addresses.entities()),
        ),
        element("span", "task hub ", element("b", addresses.hub), *_spaced(others), class_="hub"),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("link", rel="stylesheet", href=addresses.style()),
    )
    return element("html", head, element("body", header, element("main", *body)), lang="en")


def _spaced(links: list[Markup]) -> list[Child]:
    return [child for link in links for child in (" · ", link)]


def badge(status: RuntimeStatus) -> Markup:
    return element("span", status.text, class_=f"badge {status.text.lower()}")


def table(headings: list[str], rows: list[Markup], *, class_: str | None = None) -> Markup:
    head = element("thead", element("tr", *(element("th", text) for text in headings)))
    return element("table", head, element("tbody", *rows), class_=class_)


def shown_json(summary: str, text: str | None, *, is_open: bool = False) -> Markup:
    """Collapsed. JSON is indented, and JSON within a JSON string is shown as what it is."""
    if text is None:
        return NOTHING
    pretty = _pretty(text)
    if len(pretty) > _LONGEST_VALUE:
        rest = len(pretty) - _LONGEST_VALUE
        pretty = f"{pretty[:_LONGEST_VALUE]}… and {rest:,} characters more"
    size = f" ({len(text):,} characters)" if len(text) > 200 else ""
    return element(
        "details",
        element("summary", join(summary, element("small", size))),
        element("pre", pretty),
        open=is_open,
    )


def _pretty(text: str) -> str:
    try:
        value = json.loads(text)
        if isinstance(value, str):
            inner = value
            try:
                value = json.loads(inner)
            except ValueError:
                return inner
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
