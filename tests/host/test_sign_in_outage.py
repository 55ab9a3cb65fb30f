"""Sign-in while the network to the sandbox's issuer fails: who is signed in stays so."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.app import create_app
from sandbox.oidc.store import SigningKeys
from sandbox.oidc.tokens import issue
from shared.auth import IdentityProviderUnavailable
from shared.auth.jwks import FIRST_FETCH_PAUSE, FRESH, REFETCH_PAUSE, IssuerKeys
from shared.auth.jwt import JwtVerifier
from shared.kit.clock import ManualClock
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.sandbox import listening, serving

DAYS = 24 * 60 * 60


@dataclass
class Lobby:
    network: FaultyProxy
    clock: ManualClock
    verifier: JwtVerifier
    keys: SigningKeys
    issuer: str

    def sign_in(self) -> str:
        return issue(
            self.keys, issuer=self.issuer, audience="bookstore", subject="ada", lifetime=DAYS
        )

    def refused(self) -> None:
        with pytest.raises(IdentityProviderUnavailable):
            self.verifier.verify(self.sign_in())


@pytest.fixture
def lobby(tmp_path: Path) -> Iterator[Lobby]:
    """A shop that reaches the issuer through `network`."""
    with listening() as (listener, _), faulty_proxy(listener.getsockname()[1]) as network:
        public = network.address("http")
        with serving(create_app(tmp_path, public), listener):
            clock = ManualClock(datetime.now(UTC))
            issuer = f"{public}/oidc"
            verifier = JwtVerifier(issuer, "bookstore", IssuerKeys(issuer, clock), clock)
            yield Lobby(network, clock, verifier, SigningKeys(tmp_path), issuer)


def test_who_has_a_known_key_is_let_in_while_the_issuer_is_away(lobby: Lobby) -> None:
    lobby.verifier.verify(lobby.sign_in())
    lobby.network.refuse()
    for _ in range(10):
        lobby.clock.advance(FRESH)
        assert lobby.verifier.verify(lobby.sign_in()).subject == "ada"


def test_an_unknown_key_while_the_issuer_says_nothing_costs_one_try(lobby: Lobby) -> None:
    lobby.verifier.verify(lobby.sign_in())
    lobby.keys.rotate()
    lobby.keys.rotate()  # the first one only brings in what was published before
    lobby.clock.advance(REFETCH_PAUSE)
    lobby.network.cut()
    lobby.network.is_silent = True
    before = lobby.network.connections
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: lobby.refused(), range(64)))
    assert lobby.network.connections == before + 1
    lobby.network.heal()
    lobby.refused()
    lobby.clock.advance(REFETCH_PAUSE)
    assert lobby.verifier.verify(lobby.sign_in()).subject == "ada"


def test_a_shop_that_starts_before_its_issuer_lets_people_in_soon_after(lobby: Lobby) -> None:
    lobby.network.refuse()
    for _ in range(64):
        lobby.refused()
    lobby.network.accept()
    lobby.clock.advance(FIRST_FETCH_PAUSE)
    assert lobby.verifier.verify(lobby.sign_in()).subject == "ada"


def test_an_answer_that_breaks_off_counts_as_an_outage(lobby: Lobby) -> None:
    lobby.network.cut_after = 100
    lobby.refused()
    lobby.network.heal()
    lobby.clock.advance(FIRST_FETCH_PAUSE)
    assert lobby.verifier.verify(lobby.sign_in()).subject == "ada"
