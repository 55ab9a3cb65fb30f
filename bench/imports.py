"""Imports of generated feeds, each in a process of its own: records a second, CPU time, memory.

The same shop takes a delivery in, then takes the same one in again. Records have a title of four
words, a person, a price, stock, a format, a language, a date, pages, a publisher and a subject, and
either no description or one of 100 words, as publishers' own feeds have.
"""

import gc
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from functions.inventory.import_model import FileFormat, ImportOptions, Progress
from functions.inventory.imports.inspection import inspect
from functions.inventory.migrations import LOCATION
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.importing import Importer
from functions.inventory.service.imports import begin_file
from functions.inventory.store.transactions import SqlTransactions
from local.read_ahead import reading_ahead
from local.seed import starting_categories
from shared.kit.clock import MachineClock
from shared.kit.isbn import from_ten
from shared.sql.database import Database
from shared.sql.migrations import upgrade

_ROOT = Path(__file__).parent.parent
_SIZES = {True: (1_000, 10_000), False: (10_000, 100_000, 1_000_000)}
_FEEDS: tuple[tuple[FileFormat, int], ...] = (("csv", 0), ("csv", 100), ("onix", 0), ("onix", 100))
_LETTERS = "aaeeiioubcdfghklmnprstvw"
_ONIX_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ONIXMessage release="3.0" xmlns="http://ns.editeur.org/onix/3.0/reference">
<Header><Sender><SenderName>The Warehouse</SenderName></Sender><SentDateTime>20260301</SentDateTime>
</Header>
"""
_DESCRIPTION = """<CollateralDetail><TextContent><TextType>03</TextType>
<ContentAudience>00</ContentAudience><Text textformat="05"><p>{words}</p></Text></TextContent>
</CollateralDetail>"""
_PRODUCT = (
    """<Product><RecordReference>w.{isbn}</RecordReference><NotificationType>03
</NotificationType><ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>{isbn}</IDValue>
</ProductIdentifier><DescriptiveDetail><ProductComposition>00</ProductComposition>
<ProductForm>BC</ProductForm><Measure><MeasureType>01</MeasureType><Measurement>198</Measurement>
<MeasureUnitCode>mm</MeasureUnitCode></Measure><Measure><MeasureType>02</MeasureType>
<Measurement>129</Measurement><MeasureUnitCode>mm</MeasureUnitCode></Measure>
<TitleDetail><TitleType>01</TitleType><TitleElement><TitleElementLevel>01</TitleElementLevel>
<TitleText>{title}</TitleText></TitleElement></TitleDetail>
<Contributor><SequenceNumber>1</SequenceNumber><ContributorRole>A01</ContributorRole>
<PersonNameInverted>{author}</PersonNameInverted></Contributor><NoEdition/>
<Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>
<Extent><ExtentType>00</ExtentType><ExtentValue>{pages}</ExtentValue><ExtentUnit>03</ExtentUnit>
</Extent><Subject><MainSubject/><SubjectSchemeIdentifier>93</SubjectSchemeIdentifier>
<SubjectCode>{thema}</SubjectCode></Subject><Audience><AudienceCodeType>01</AudienceCodeType>
<AudienceCodeValue>01</AudienceCodeValue></Audience></DescriptiveDetail>
"""
    + _DESCRIPTION
    + """
<PublishingDetail><Imprint><ImprintName>{imprint}</ImprintName></Imprint><Publisher>
<PublishingRole>01</PublishingRole><PublisherName>{imprint}</PublisherName></Publisher>
<PublishingStatus>04</PublishingStatus><PublishingDate><PublishingDateRole>01</PublishingDateRole>
<Date>{day}</Date></PublishingDate></PublishingDetail><ProductSupply><SupplyDetail><Supplier>
<SupplierRole>01</SupplierRole><SupplierName>W</SupplierName></Supplier>
<ProductAvailability>20</ProductAvailability><Stock><OnHand>5</OnHand></Stock><Price>
<PriceType>02</PriceType><PriceAmount>{price}</PriceAmount><CurrencyCode>GBP</CurrencyCode></Price>
</SupplyDetail></ProductSupply></Product>
"""
)


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows of {feed, description_words, records, mib, first_per_s, again_per_s, writer_us,
    reader_us, tenths_us, rss_mib}.

    Of the first time, per record: `writer_us` and `reader_us`, the CPU time of the process that
    writes and of the one that reads (0 where one does both), and `tenths_us`, the writer's in each
    tenth of the records. `rss_mib` is the most that the process that writes took. Each tenth is
    told on stderr when it is done, with the whole time since the one before.
    """
    found = []
    for form, described in _FEEDS:
        for size in _SIZES[quick]:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "bench.imports", form, str(described), str(size)]
                row = subprocess.check_output([*command, folder], cwd=_ROOT, text=True)
            found.append(json.loads(row))
    return found


def measure(form: FileFormat, described: int, size: int, folder: Path) -> dict[str, Any]:
    feed = folder / "feed"
    write_feed(feed, form, described, size)
    database = Database(f"sqlite:///{(folder / 'shop.db').as_posix()}", in_bulk=True)
    clock = MachineClock()
    transactions = SqlTransactions(database, clock)
    catalogue = Catalogue(transactions, "GBP", "http://cdn.test")
    gc.freeze()  # as the command does
    gc.set_threshold(100_000, 10, 10)
    tenths = _Tenths(f"{form}, {described} words of description", size)
    rates = []
    spent = []
    for fate in ("added", "unchanged"):
        with feed.open("rb") as file, reading_ahead(file) as feeds:
            upgrade(database, LOCATION)
            catalogue.put_categories(starting_categories())
            importer = Importer(transactions, catalogue, clock, "GBP", feeds)
            started = time.perf_counter()
            before = _cpu(resource.RUSAGE_SELF)
            shape = inspect(file)
            lease, _ = begin_file(transactions, clock, shape, "feed", ImportOptions())
            tenths.begin()
            watch = tenths.watch if fate == "added" else _unseen
            counts = importer.run(lease, file, watch=watch).progress.counts
            rates.append(round(size / (time.perf_counter() - started)))
            spent.append(_cpu(resource.RUSAGE_SELF) - before)
        spent.append(_cpu(resource.RUSAGE_CHILDREN))
        if getattr(counts, fate) != size:
            raise ValueError(f"of {size} records not all were {fate}: {counts}")
    database.dispose()
    return {
        "feed": form,
        "description_words": described,
        "records": size,
        "mib": feed.stat().st_size / 2**20,
        "first_per_s": rates[0],
        "again_per_s": rates[1],
        "writer_us": round(spent[0] / size * 1e6),
        "reader_us": round(spent[1] / size * 1e6),
        "tenths_us": " ".join(map(str, tenths.found)),
        "rss_mib": _rss(),
    }


class _Tenths:
    """The CPU time of this process in each tenth of an import, in whole chunks; told as it goes."""

    def __init__(self, title: str, size: int) -> None:
        self.found: list[int] = []
        self._title = title
        self._size = size
        self._done = 0
        self.begin()

    def begin(self) -> None:
        self._before = _cpu(resource.RUSAGE_SELF), time.perf_counter()

    def watch(self, progress: Progress) -> None:
        done = progress.counts.records
        if done * 10 // self._size <= len(self.found):
            return
        records, self._done = done - self._done, done
        (cpu, clock), now = self._before, (_cpu(resource.RUSAGE_SELF), time.perf_counter())
        self._before = now
        self.found.append(round((now[0] - cpu) / records * 1e6))
        print(
            f"{self._title}: {done:,} of {self._size:,},"
            f" {records / (now[1] - clock):,.0f} a second,"
            f" {self.found[-1]} µs of CPU a record, at most {_rss()} MiB",
            file=sys.stderr,
        )


def _unseen(_progress: Progress) -> None: ...


def _cpu(who: int) -> float:
    """Seconds, the kernel's included."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def write_feed(file: Path, form: FileFormat, described: int, size: int) -> None:
    """`described` is how many words each description has."""
    chance = random.Random(size)
    with file.open("w", encoding="utf-8") as out:
        if form == "csv":
            out.write("isbn,title,author,price,stock,format,language,publication date,pages,")
            out.write("publisher,thema,description\n")
            out.writelines(_row(book) for book in _books(size, described, chance))
        else:
            out.write(_ONIX_HEAD)
            product = _PRODUCT if described else _PRODUCT.replace(_DESCRIPTION, "")
            out.writelines(product.format(**book) for book in _books(size, described, chance))
            out.write("</ONIXMessage>\n")


def _books(size: int, described: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Words and names repeat as they do in a trade's feeds: few are frequent, most are rare."""
    names = [_word(chance).title() for _ in range(2_000)]
    words = [_word(chance) for _ in range(30_000)]
    for number in range(size):
        yield {
            "isbn": from_ten(f"{number * 7919 % 10**9:09d}"),
            "title": " ".join(_some(words, chance, 4)).title(),
            "author": f"{names[int(2_000 * chance.random() ** 2)]}, {chance.choice(names)}",
            "words": " ".join(_some(words, chance, described)),
            "imprint": f"{names[int(200 * chance.random() ** 2)]} Press",
            "thema": chance.choice(["FBA", "FF", "FL", "FM", "NH", "DNB", "YFB", "WB"]),
            "pages": chance.randint(80, 900),
            "price": f"{chance.randint(4, 40)}.99",
            "day": f"{chance.randint(1960, 2025)}{chance.randint(1, 12):02d}01",
        }


def _row(book: dict[str, Any]) -> str:
    return (
        f'{book["isbn"]},{book["title"]},"{book["author"]}",{book["price"]},5,paperback,eng,'
        f"{book['day']},{book['pages']},{book['imprint']},{book['thema']},{book['words']}\n"
    )


def _some(words: list[str], chance: random.Random, count: int) -> list[str]:
    return [words[int(len(words) * chance.random() ** 3)] for _ in range(count)]


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(_LETTERS, k=chance.randint(3, 9)))


if __name__ == "__main__":
    form: FileFormat = "csv" if sys.argv[1] == "csv" else "onix"
    print(json.dumps(measure(form, int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
