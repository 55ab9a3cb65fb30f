"""What goes by itself: sagas that have ended, thirty days after they began."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import azure.durable_functions as df
import pytest
from azure.durable_functions.models import PurgeHistoryResult

from functions.checkout.service.sweeping import Sweeping
from functions.checkout.triggers.durable import DurableSagas
from tests.support.buying import Buying, open_buying
from tests.support.inventory import Shelves

Asked = tuple[datetime | None, datetime | None, Sequence[df.OrchestrationRuntimeStatus] | None]


@dataclass
class Client(df.DurableOrchestrationClient):  # type: ignore[misc]
    """The SDK's, as far as the host is not asked."""

    asked: list[Asked] = field(default_factory=list)

    async def purge_instance_history_by(
        self,
        created_time_from: datetime | None = None,
        created_time_to: datetime | None = None,
        runtime_status: Sequence[df.OrchestrationRuntimeStatus] | None = None,
    ) -> PurgeHistoryResult:
        self.asked.append((created_time_from, created_time_to, runtime_status))
        return PurgeHistoryResult(instancesDeleted=3)


@pytest.fixture
def buying(shelves: Shelves, tmp_path: Path) -> Iterator[Buying]:
    with open_buying(tmp_path, shelves) as opened:
        yield opened


async def test_sagas_that_ended_go_and_those_that_run_stay(buying: Buying) -> None:
    client = Client()
    sweeping, sagas = Sweeping(buying.transactions), DurableSagas(client)
    buying.shelves.clock.advance_business(timedelta(days=400))
    assert await sweeping.forget_sagas(timedelta(days=30), sagas) == 3
    [(since, until, statuses)] = client.asked
    assert since is not None
    assert until == buying.shelves.clock.business_now() - timedelta(days=30)
    assert {status.value for status in statuses or ()} == {"Completed", "Failed", "Terminated"}
