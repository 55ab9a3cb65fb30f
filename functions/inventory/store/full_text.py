"""The full-text index over `search_documents`, in the words of each database.

The documents are folded and split by us (`search_words`), so the tokenizer only parts them at
spaces. SQLite's index keeps neither positions nor a text of its own. Documents come and go by the
thousand, and it takes them so (`put_in`, `take_out`); a trigger follows one that moves. SQL
Server's follows by itself.
"""

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Connection,
    column,
    insert,
    literal,
    select,
    table,
)

from functions.inventory.store.tables import search_documents
from shared.sql.lists import is_listed

_ADD = "INSERT INTO book_search(rowid, words) VALUES (new.id, new.words);"
_DROP = "INSERT INTO book_search(book_search, rowid, words) VALUES ('delete', old.id, old.words);"

SQLITE_FULL_TEXT = (
    "CREATE VIRTUAL TABLE book_search USING fts5(words, content='search_documents',"
    " content_rowid='id', detail=none, columnsize=0, tokenize='ascii')",
    f"CREATE TRIGGER search_documents_inserted AFTER INSERT ON search_documents BEGIN {_ADD} END",
    f"CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents BEGIN {_DROP} END",
    "CREATE TRIGGER search_documents_updated AFTER UPDATE ON search_documents"
    f" BEGIN {_DROP} {_ADD} END",
)

SQLITE_IN_BULK = (
    "DROP TRIGGER search_documents_inserted",
    "DROP TRIGGER search_documents_deleted",
    "INSERT INTO book_search(book_search, rank) VALUES ('hashsize', 8388608)",
)
"""A trigger's savepoint has FTS5 write a segment of its index for every row, to be merged later. Up
to 8 MiB (1 by default) of what one transaction adds wait in memory to be one segment."""

SQL_SERVER_FULL_TEXT = (
    "CREATE FULLTEXT CATALOG book_search",
    "CREATE FULLTEXT INDEX ON search_documents (words LANGUAGE 0) KEY INDEX pk_search_documents"
    " ON book_search WITH CHANGE_TRACKING AUTO, STOPLIST OFF",
)

BOOK_SEARCH = table(
    "book_search", column("rowid", BigInteger), column("book_search"), column("words")
)
"""SQLite's index; its column of its own name takes commands, and expressions to match."""

_OF_THESE = is_listed(search_documents.c.isbn, "isbns")
# It empties its buffer whenever a document comes before the one just added: hence the order.
_PUT_IN = (
    insert(BOOK_SEARCH)
    .from_select(
        ["rowid", "words"],
        select(search_documents.c.id, search_documents.c.words)
        .where(_OF_THESE)
        .order_by(search_documents.c.id),
    )
    .execution_options(sqlite_only=True)
)
_TAKE_OUT = (
    insert(BOOK_SEARCH)
    .from_select(
        ["book_search", "rowid", "words"],
        select(literal("delete"), search_documents.c.id, search_documents.c.words)
        .where(_OF_THESE)
        .order_by(search_documents.c.id),
    )
    .execution_options(sqlite_only=True)
)


def put_in(connection: Connection, isbns: Sequence[int]) -> None:
    """After the documents of these books, at most a thousand, were inserted."""
    if connection.dialect.name == "sqlite":
        connection.execute(_PUT_IN, {"isbns": isbns})


def take_out(connection: Connection, isbns: Sequence[int]) -> None:
    """Before they are deleted."""
    if connection.dialect.name == "sqlite":
        connection.execute(_TAKE_OUT, {"isbns": isbns})
