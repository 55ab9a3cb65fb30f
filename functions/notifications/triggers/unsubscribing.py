"""Where a mail's unsubscribe link leads: a page for people, and one click for mail clients."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from functions.notifications.model import BadLink, Preferences
from functions.notifications.service.preferences import PreferenceBook
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import KIBIBYTE, Api
from shared.kit.provider import Provider

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
"""RFC 8058 leaves the choice to the mail client."""
_ON_AGAIN = b"again=yes"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"


class TokenQuery(BaseModel):
    """`token`: from the link in a mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[str, Field(min_length=1, max_length=200)]


def register(api: Api, book: Provider[PreferenceBook]) -> None:
    @api.route(
        "GET",
        "v1/notifications/unsubscribe",
        summary="A page that asks whether news of deliveries are to stop",
        query=TokenQuery,
        answers={200: None},
        problems=(BadLink,),
        media_type="text/html",
    )
    def show_unsubscribe(call: Call[Nothing, TokenQuery, Nothing]) -> Answer:
        """Changes nothing, since programs that look for dangerous mails follow links too."""
        return _page(book().by_link(call.query.token))

    @api.route(
        "POST",
        "v1/notifications/unsubscribe",
        summary="Stop news of deliveries by a mail's link",
        query=TokenQuery,
        body=RawBody,
        takes=_FORMS,
        largest_body=KIBIBYTE,
        answers={200: None},
        problems=(BadLink,),
        media_type="text/html",
    )
    def unsubscribe(call: Call[Nothing, TokenQuery, RawBody]) -> Answer:
        """As mail clients do it by themselves (RFC 8058), and as the page does. `again=yes` turns
        the news on again."""
        on = call.body.content == _ON_AGAIN
        return _page(book().turn_by_link(call.query.token, on=on))


def _page(preferences: Preferences) -> Answer:
    if preferences.off:
        title = "You get no more news of deliveries"
        words = "Mails about the order itself still come, such as its confirmation and refunds."
        form = '<input type="hidden" name="again" value="yes"><button>Send them again</button>'
    else:
        title = "News of your deliveries"
        words = "We write when a parcel is dispatched, delayed, out for delivery and delivered."
        form = (
            '<input type="hidden" name="List-Unsubscribe" value="One-Click">'
            "<button>Stop these mails</button>"
        )
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f'<body><main><h1>{title}</h1><p>{words}</p><form method="post">{form}</form></main>'
        "</body></html>"
    )
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return Answer(page.encode(), cache="no-store", headers=headers, media_type="text/html")


_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:17px/1.6 Georgia,'Times New Roman',serif;margin:0;padding:3rem 1.25rem;"
    "background:#f4f1ea;color:#22201c}"
    "main{max-width:34rem;margin:0 auto}"
    "h1{font-weight:normal;line-height:1.25}"
    "button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.4rem;background:#7a2e2e;"
    "color:#fff;cursor:pointer}"
    "button:focus-visible{outline:3px solid #c98b2b;outline-offset:2px}"
    "@media (prefers-color-scheme:dark){body{background:#16181d;color:#f1efe9}}"
)
