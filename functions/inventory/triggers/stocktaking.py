"""The staff's view of the stock."""

from pydantic import BaseModel, ConfigDict

from functions.inventory.model import UnknownBook
from functions.inventory.service.stocktaking import Stocktaking
from functions.inventory.stock_model import LowStocks, StockHistory
from functions.inventory.triggers.browse import BookPath
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.http.values import Cursor, PageSize
from shared.kit.provider import Provider

_ROLE = "catalogue.write"


class HistoryQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: PageSize = 20
    cursor: Cursor | None = None


def register(api: Api, stocktaking: Provider[Stocktaking]) -> None:
    @api.route(
        "GET",
        "v1/admin/books/{isbn}/stock",
        summary="A book's copies and how they came and went",
        path_model=BookPath,
        query=HistoryQuery,
        answers={200: StockHistory},
        problems=(UnknownBook,),
        role=_ROLE,
    )
    def get_stock(call: Call[BookPath, HistoryQuery, Nothing]) -> Answer:
        return Answer(stocktaking().history(call.path.isbn, call.query.cursor, call.query.limit))

    @api.route(
        "GET",
        "v1/admin/reports/low-stock",
        summary="What sells and is nearly gone",
        answers={200: LowStocks},
        role=_ROLE,
    )
    def low_stock(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """As few copies as `INVENTORY_LOW_STOCK` says, or fewer; the best-selling first."""
        return Answer(stocktaking().low())
