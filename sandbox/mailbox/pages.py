"""Pages that show what was sent."""

from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import html
from sandbox.answers import Refused
from sandbox.mailbox.store import Message, Messages

_SITE = html.Site("Sandbox mailbox", "/mailbox", "What the shop wrote; nobody else gets it.")
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src * data:;"
    " style-src 'unsafe-inline'"
)
"""A mail may look like anything and do nothing, as in a mail client."""


def routes(messages: Messages) -> list[BaseRoute]:
    async def everything(request: Request) -> Response:
        to = request.query_params.get("to")
        return HTMLResponse(_list(await run_in_threadpool(messages.newest, to), to))

    async def one(request: Request) -> Response:
        return HTMLResponse(_detail(await found(request)))

    async def as_html(request: Request) -> Response:
        content = (await found(request))["html"].replace("<head>", '<head><base target="_blank">')
        return HTMLResponse(content, headers={"Content-Security-Policy": _MAIL_POLICY})

    async def found(request: Request) -> Message:
        message = await run_in_threadpool(messages.one, request.path_params["id"])
        if message is None:
            raise Refused("not_found", "There is no such mail.", 404)
        return message

    return [
        Route("/mailbox", everything, methods=["GET"]),
        Route("/mailbox/{id}", one, methods=["GET"]),
        Route("/mailbox/{id}/html", as_html, methods=["GET"]),
    ]


def _list(found: list[Message], to: str | None) -> str:
    title = "Mails" if to is None else f"Mails to {to}"
    if not found:
        return _SITE.page(
            title,
            f"<h1>{escape(title)}</h1><p class=empty>There are none yet."
            " An order that is placed makes the first.</p>",
        )
    shown = html.table(
        ["Subject", "To", "Received"],
        [
            [
                f'<a href="/mailbox/{escape(one["id"])}">{escape(one["subject"])}</a>',
                escape(one["to"]),
                html.moment(int(one["received"])),
            ]
            for one in found
        ],
    )
    return _SITE.page(title, f"<h1>{escape(title)}</h1>{shown}")


def _detail(one: Message) -> str:
    facts = {
        "From": one["from"],
        "To": f"{one['to_name']} <{one['to']}>" if one["to_name"] else one["to"],
        "Reply-To": one.get("reply_to") or "",
        "Message-ID": one["message_id"],
        **one.get("headers", {}),
        "Handed in": f"{one['times']} times" if one["times"] > 1 else "",
    }
    rows = [[escape(name), f"<code>{escape(said)}</code>"] for name, said in facts.items() if said]
    address = f"/mailbox/{escape(one['id'])}/html"
    return _SITE.page(
        one["subject"],
        f"<h1>{escape(one['subject'])}</h1>"
        f"<p class=note>{html.moment(int(one['received']))}</p>"
        f'<iframe title="The mail as HTML" src="{address}"></iframe>'
        f"<h2>As text</h2><pre>{escape(one['text'])}</pre>"
        f"<h2>Headers</h2>{html.table(['Header', 'Value'], rows)}",
    )
