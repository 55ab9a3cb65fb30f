"""Which kind of link an attach asks for."""

from typing import TYPE_CHECKING, Final

from funchost.servicebus.amqp.addresses import Node, parse_address
from funchost.servicebus.amqp.cbs import ClaimsNode
from funchost.servicebus.amqp.errors import LinkFault
from funchost.servicebus.amqp.links import Attach, EntityTarget, Link
from funchost.servicebus.amqp.management import ManagementNode
from funchost.servicebus.amqp.receiving import EntitySource
from funchost.servicebus.amqp.requests import RequestLink, RequestNode, ResponseLink

if TYPE_CHECKING:
    from funchost.servicebus.amqp.session import Session

__all__ = ["Nodes"]

_COORDINATOR: Final = 0x30
_COORDINATOR_NAME: Final = "amqp:coordinator:list"
_DYNAMIC_SOURCE: Final = 4
_DYNAMIC_TARGET: Final = 4


class Nodes:
    def __init__(self, claims: ClaimsNode, management: ManagementNode) -> None:
        self._nodes: dict[Node, RequestNode] = {Node.CBS: claims, Node.MANAGEMENT: management}

    def link(self, session: "Session", attach: Attach) -> Link:
        """A link that may yet refuse to start."""
        if attach.target_code in (_COORDINATOR, _COORDINATOR_NAME):
            return _Refused(session, attach, "There are no transactions.")
        fields = attach.source_fields if attach.client_receives else attach.target_fields
        if fields[_DYNAMIC_SOURCE if attach.client_receives else _DYNAMIC_TARGET] is True:
            return _Refused(session, attach, "There are no dynamic nodes.")
        if not isinstance(fields[0], str):
            return _Refused(session, attach, "A link needs an address.")
        address = parse_address(fields[0])
        node = self._nodes.get(address.node)
        if attach.client_receives:
            if node is None:
                return EntitySource(session, attach, address.path)
            return ResponseLink(session, attach)
        if node is None:
            return EntityTarget(session, attach, address.path)
        return RequestLink(session, attach, address.path, node)


class _Refused(Link):
    def __init__(self, session: "Session", attach: Attach, why: str) -> None:
        super().__init__(session, attach)
        self._why = why

    def start(self) -> None:
        raise LinkFault("amqp:not-implemented", self._why)
