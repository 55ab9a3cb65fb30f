"""The full-text index over `search_documents`, in the words of each database.

The documents are folded and split by us (`search_words`), so the tokenizer only parts them at
spaces. SQLite's index keeps neither positions nor a text of its own; triggers keep it in step.
"""

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

SQL_SERVER_FULL_TEXT = (
    "CREATE FULLTEXT CATALOG book_search",
    "CREATE FULLTEXT INDEX ON search_documents (words LANGUAGE 0) KEY INDEX pk_search_documents"
    " ON book_search WITH CHANGE_TRACKING AUTO, STOPLIST OFF",
)
