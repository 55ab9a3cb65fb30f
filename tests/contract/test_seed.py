"""The first fill of a shop: schema, books, covers."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from functions.databases import SCHEMAS
from functions.inventory.model import NewBook
from functions.inventory.store.tables import categories, editions
from local.deployment.databases import give_categories
from local.migrate import migrate
from local.seed import main, seed_books, starting_books, starting_categories
from shared.config.settings import Settings
from shared.kit.isbn import Isbn
from shared.sql.database import Database
from shared.sql.migrations import newest
from tests.support.inventory import Shelves, a_book


def settings_for(folder: Path) -> Settings:
    return Settings.from_env(
        {
            "SERVICES": "inventory",
            "SQL_INVENTORY": f"sqlite:///{folder / 'inventory.db'}",
            "CDN_BASE_URL": "http://cdn.test",
            "BLOB_FOLDER": str(folder / "blobs"),
            "SHOP_CURRENCY": "GBP",
            "AUTH_ISSUER": "http://issuer.test",
            "AUTH_AUDIENCE": "bookstore",
            "PUBLIC_BASE_URL": "http://shop.test",
            "ServiceBusConnection": "Endpoint=sb://bus.test;SharedAccessKeyName=a;SharedAccessKey=b",
        }
    )


def test_every_database_of_the_selected_services_is_brought_up_to_date(tmp_path: Path) -> None:
    sentences = migrate(settings_for(tmp_path))
    head = newest(SCHEMAS[0].migrations)
    assert sentences == [f"SQL_INVENTORY is at revision {head}."]
    assert migrate(settings_for(tmp_path)) == sentences


def test_a_missing_setting_is_named_and_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("SQL_INVENTORY", raising=False)
    assert main([]) == 2
    assert "SQL_INVENTORY" in capsys.readouterr().err


def test_a_seed_that_was_interrupted_goes_on_and_then_stays_as_it_is(shelves: Shelves) -> None:
    books = list(starting_books())
    shelves.catalogue.put_categories(starting_categories())
    shelves.catalogue.put_many(books[:100], "the starting catalogue", None)
    shelves.catalogue.withdraw(books[0].isbn, ["*"])
    assert seed_books(shelves.catalogue) == len(books) - 100
    assert seed_books(shelves.catalogue) == 0
    assert shelves.catalogue.size() == len(books)
    assert shelves.scalar(select(func.sum(editions.c.withdrawn))) == 1
    works = len({edition.work_id for edition in shelves.catalogue.stored(isbns(books)).values()})
    assert works == len([book for book in books if book.work_of is None])
    shelves.check()


def test_a_deployed_shop_has_the_categories_and_keeps_what_was_made_of_them(tmp_path: Path) -> None:
    migrate(settings_for(tmp_path))
    database = Database(f"sqlite:///{tmp_path / 'inventory.db'}")
    give_categories(database)
    with database.write() as connection:
        connection.execute(categories.update().values(name="Ours"))
    give_categories(database)
    with database.write() as connection:
        names = connection.scalars(select(categories.c.name)).all()
    database.dispose()
    assert names == ["Ours"] * len(starting_categories())


def isbns(books: list[NewBook]) -> list[Isbn]:
    return [book.isbn for book in books]


def test_a_catalogue_with_other_books_is_left_alone(shelves: Shelves) -> None:
    shelves.put(a_book())
    assert seed_books(shelves.catalogue) == 0
    assert shelves.catalogue.size() == 1
