"""What the address of a link means."""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

__all__ = ["Address", "Node", "parse_address"]

_MANAGEMENT = "$management"


class Node(Enum):
    ENTITY = "entity"
    MANAGEMENT = "management"
    CBS = "cbs"


@dataclass(frozen=True, slots=True)
class Address:
    """`path` is an entity's, as the client spells it; empty for `$cbs` and for the management node
    of the whole namespace."""

    node: Node
    path: str


def parse_address(address: str) -> Address:
    """Clients put a scheme and an authority before the paths of entities, but not of `$cbs` and
    `$management`; they differ in case."""
    path = address
    if "://" in address:
        path = unquote(address.split("://", 1)[1].partition("/")[2])
    path = path.strip("/")
    lowered = path.lower()
    if lowered == "$cbs":
        return Address(Node.CBS, "")
    if lowered == _MANAGEMENT or lowered.endswith(f"/{_MANAGEMENT}"):
        return Address(Node.MANAGEMENT, path[: -len(_MANAGEMENT)].rstrip("/"))
    return Address(Node.ENTITY, path)
