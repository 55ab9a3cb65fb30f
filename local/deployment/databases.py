"""The databases' users and their schema, by the deployer's own sign-in."""

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event, text

from functions.databases import SCHEMAS
from functions.inventory.store.references import put_categories
from local.deployment.management import Stopped, Token
from local.seed import starting_categories
from shared.sql.database import Database
from shared.sql.migrations import upgrade

SCOPE = "https://database.windows.net/.default"
_ACCESS_TOKEN = 1256
"""SQL_COPT_SS_ACCESS_TOKEN of msodbcsql.h: the length in four bytes, then the token in UTF-16."""
_IDENTITY = re.compile(r"[A-Za-z0-9-]{3,128}")


def user_statements(name: str, client_id: str) -> list[str]:
    """A user for a managed identity, who reads and writes rows, and can change no table.

    By its client id as SID, so that the server need not look into the directory (CREATE USER,
    `WITH SID = ..., TYPE = E`). Harmless where the user is there already.
    """
    if not _IDENTITY.fullmatch(name):
        raise Stopped(f"{name!r} is not the name of an identity.")
    sid = "0x" + uuid.UUID(client_id).bytes_le.hex().upper()
    of_the_name = f"sys.database_principals WHERE name = N'{name}'"
    return [
        f"IF EXISTS (SELECT 1 FROM {of_the_name} AND sid <> {sid}) DROP USER [{name}]",  # noqa: S608
        f"IF NOT EXISTS (SELECT 1 FROM {of_the_name})"  # noqa: S608
        f" CREATE USER [{name}] WITH SID = {sid}, TYPE = E",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::dbo TO [{name}]",
    ]


def bring_up(host: str, logins: Mapping[str, Mapping[str, str]], token: Token) -> list[str]:
    """A sentence for each database: its schema is the newest, and its service may use it."""
    said = []
    with signed_in_by(token):
        for schema in SCHEMAS:
            name = schema.setting.removeprefix("SQL_").lower()
            login = logins[name]
            database = Database(address(host, name))
            revision = upgrade(database, schema.migrations)
            with database.write() as connection:
                for statement in user_statements(login["name"], login["clientId"]):
                    connection.execute(text(statement))
            if name == "inventory":
                give_categories(database)
            database.dispose()
            said.append(f"{name} is at revision {revision}, and {login['name']} may use it.")
    return said


def give_categories(database: Database) -> None:
    """Those of the starting catalogue that are not there yet: imports and admins make none."""
    with database.write() as connection:
        put_categories(connection, starting_categories())


def address(host: str, name: str) -> str:
    driver = "ODBC+Driver+18+for+SQL+Server"
    return f"mssql+pyodbc://@{host}:1433/{name}?driver={driver}&Encrypt=yes"


@contextmanager
def signed_in_by(token: Token) -> Iterator[None]:
    """Every connection to SQL Server that this process opens meanwhile brings an access token."""

    def bring(_dialect: Any, _record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        arguments[0] = arguments[0].replace(";Trusted_Connection=Yes", "")
        options["attrs_before"] = {_ACCESS_TOKEN: packed(token(SCOPE))}

    event.listen(Engine, "do_connect", bring)
    try:
        yield
    finally:
        event.remove(Engine, "do_connect", bring)


def packed(token: str) -> bytes:
    raw = token.encode("utf-16-le")
    return len(raw).to_bytes(4, "little") + raw
