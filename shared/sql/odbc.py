"""How Azure SQL is reached: which ODBC driver, who signs in, and what is to be read only.

A URL without a user signs in as the app's own identity in Entra, by a token. The driver is the one
that the URL names, where the system has it; else Microsoft's from the wheel `mssql-python-odbc`.
unixODBC itself, `libodbc.so.2`, must be there: the images of Azure Functions have it, and no wheel.
"""

import importlib.util
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Dialect, Engine, event
from sqlalchemy.exc import DisconnectionError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

DRIVER = "ODBC Driver 18 for SQL Server"
_WHEEL = "mssql_python_odbc"
_SCOPE = "https://database.windows.net/.default"
_ACCESS_TOKEN = 1256
"""SQL_COPT_SS_ACCESS_TOKEN: https://learn.microsoft.com/sql/connect/odbc/using-azure-active-directory"""
_TOKEN_MARGIN_SECONDS = 120.0
_EXPIRES_ON = "expires_on"

Token = Callable[[], "AccessToken"]


def prepared(url: URL, *, read_only: bool) -> URL:
    """With a driver that can be loaded, and the intent that sends a reader to a replica."""
    said = {name.lower() for name in url.query}
    more: dict[str, str] = {"driver": driver(_asked(url))}
    if read_only and "applicationintent" not in said:
        more["ApplicationIntent"] = "ReadOnly"
    return url.difference_update_query(
        [n for n in url.query if n.lower() == "driver"]
    ).update_query_dict(more)


def driver(asked: str | None) -> str:
    """A name that the driver manager knows, or the path of the wheel's library."""
    import pyodbc

    installed = pyodbc.drivers()
    wanted = asked or DRIVER
    if wanted in installed or wanted.startswith("/"):
        return wanted
    found = _from_wheel()
    return wanted if found is None else found.as_posix()


def signs_in_by_token(url: URL) -> bool:
    said = {name.lower() for name in url.query}
    return not url.username and not said & {"authentication", "trusted_connection", "uid"}


def sign_in_by_token(engine: Engine, token: Token, now: Callable[[], float]) -> None:
    """Each new connection gets a token that is good for a while; one whose token is about to end
    is not used again."""

    def connect(
        _dialect: Dialect, record: Any, arguments: list[Any], options: dict[str, Any]
    ) -> None:
        got = token()
        # SQLAlchemy asks for Kerberos where a URL has no user, and the driver refuses both.
        arguments[0] = arguments[0].replace(";Trusted_Connection=Yes", "")
        options["attrs_before"] = {
            **options.get("attrs_before", {}),
            _ACCESS_TOKEN: _packed(got.token),
        }
        record.info[_EXPIRES_ON] = got.expires_on

    def checkout(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info[_EXPIRES_ON] - now() < _TOKEN_MARGIN_SECONDS:
            raise DisconnectionError("the token that it signed in by ends")

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkout", checkout)


def identity() -> Token:
    """Of the app itself; asked for at the first connection."""
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential()
    return lambda: credential.get_token(_SCOPE)


def _packed(token: str) -> bytes:
    encoded = token.encode("utf-16-le")
    return struct.pack(f"<I{len(encoded)}s", len(encoded), encoded)


def _asked(url: URL) -> str | None:
    for name, value in url.query.items():
        if name.lower() == "driver":
            return value if isinstance(value, str) else value[0]
    return None


def _from_wheel() -> Path | None:
    """Of the libraries for several systems, the one that loads here."""
    import ctypes

    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return None
    for library in sorted(Path(spec.origin).parent.glob("libs/linux/*/*/lib/libmsodbcsql-*")):
        try:
            ctypes.CDLL(str(library))
        except OSError:
            continue
        return library
    return None
