"""The look of the sandbox's pages: no script, readable on a phone, light and dark."""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8881; --good: #1a7f45; --bad: #b3261e;
  --wait: #9a6700; --accent: #4f46e5; }
@media (prefers-color-scheme: dark) { :root { --good: #5ccf8b; --bad: #ff8a80; --wait: #e3b341;
  --accent: #a5b4fc; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 1.5rem; }
header { display: flex; gap: 1rem; align-items: baseline; border-bottom: 1px solid var(--line);
  margin-bottom: 1.5rem; padding-bottom: .75rem; flex-wrap: wrap; }
header a { font-weight: 650; font-size: 1.1rem; color: inherit; text-decoration: none; }
header span { opacity: .7; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th { text-align: left; font-weight: 600; opacity: .7; font-size: .85rem; }
th, td { border-bottom: 1px solid var(--line); padding: .5rem .75rem .5rem 0; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; }
code { font-size: .9em; overflow-wrap: anywhere; } a { color: var(--accent); }
.status { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); }
.wait { color: var(--wait); } .note { opacity: .75; }
form { display: inline-flex; gap: .5rem; flex-wrap: wrap; margin: .25rem .5rem .25rem 0; }
button, select, input { font: inherit; padding: .45rem .9rem; border: 1px solid var(--line);
  border-radius: .4rem; background: var(--soft); color: inherit; }
fieldset { border: 1px solid var(--line); border-radius: .4rem; }
button { cursor: pointer; } button.main { background: #4f46e5; border-color: #4f46e5; color: #fff; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.alert { border-left: 4px solid var(--bad); background: var(--soft); padding: .5rem 1rem; }
.empty { padding: 2rem 0; opacity: .75; }
iframe { width: 100%; height: 44rem; border: 1px solid var(--line); border-radius: .4rem;
  background: #fff; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""

_GOOD = ("succeeded", "taken")
_BAD = ("canceled", "failed", "given_up", "dropped")


@dataclass(frozen=True, slots=True)
class Site:
    """The pages of one stand-in. `home` is where its name leads, `note` says what it is not."""

    name: str
    home: str
    note: str

    def page(self, title: str, content: str) -> str:
        """`content` is HTML."""
        return (
            "<!doctype html><html lang=en><head><meta charset=utf-8>"
            '<link rel=icon href="data:,">'
            '<meta name=viewport content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
            f'<header><a href="{escape(self.home)}">{escape(self.name)}</a>'
            f"<span>{escape(self.note)}</span></header>"
            f"<main>{content}</main></body></html>"
        )


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Cells are HTML."""
    head = "".join(f"<th scope=col>{escape(one)}</th>" for one in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def status(word: str) -> str:
    look = "good" if word in _GOOD else "bad" if word in _BAD else "wait"
    return f'<span class="status {look}">{escape(word.replace("_", " "))}</span>'


def money(amount: int, currency: str) -> str:
    shown = f"{amount:,}" if currency == "jpy" else f"{amount // 100:,}.{amount % 100:02d}"
    return f"{shown} {escape(currency.upper())}"


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def button(action: str, label: str, *, main: bool = False, more: str = "") -> str:
    """`more` is HTML that stands before the button."""
    look = " class=main" if main else ""
    return (
        f'<form method=post action="{escape(action)}">{more}'
        f"<button{look}>{escape(label)}</button></form>"
    )


def alert(text: str) -> str:
    return f"<p class=alert role=alert>{escape(text)}</p>"
