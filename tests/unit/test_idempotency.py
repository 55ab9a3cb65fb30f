"""What makes two deliveries the same."""

from itertools import combinations

import pytest
from pydantic import BaseModel

from shared.kit.idempotency import Delivery, once


class Amount(BaseModel):
    amount: int


class Remembering:
    """Deliveries in memory."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | None] = {}

    def claim(self, delivery: Delivery) -> bytes | None:
        return self.answers.setdefault(delivery.id, None)

    def settle(self, delivery: Delivery, answer: bytes) -> None:
        self.answers[delivery.id] = answer


def test_sender_route_and_key_make_a_delivery() -> None:
    others = [
        Delivery.of("anna", "POST a", "k"),
        Delivery.of("bert", "POST a", "k"),
        Delivery.of("anna", "POST b", "k"),
        Delivery.of("anna", "POST a", "K"),
        Delivery.of("anna", "POST ak", ""),
    ]
    assert all(one.id != other.id for one, other in combinations(others, 2))
    assert len({one.request_hash for one in others}) == 1


def test_content_tells_requests_under_one_key_apart() -> None:
    five, six = (Delivery.of("anna", "r", "k", Amount(amount=n)) for n in (5, 6))
    assert five.id == six.id
    assert five.request_hash != six.request_hash
    assert five == Delivery.of("anna", "r", "k", Amount(amount=5))
    assert Delivery.of("a", "r", "k", "ab", "c") != Delivery.of("a", "r", "k", "a", "bc")


def test_an_effect_happens_once_and_its_answer_is_given_again() -> None:
    kept = Remembering()
    done: list[int] = []

    def effect() -> Amount:
        done.append(1)
        return Amount(amount=len(done))

    delivery = Delivery.of("anna", "r", "k")
    assert once(kept, delivery, Amount, effect) == (Amount(amount=1), False)
    assert once(kept, delivery, Amount, effect) == (Amount(amount=1), True)
    assert done == [1]


def test_an_effect_that_fails_is_not_answered_for() -> None:
    def effect() -> Amount:
        raise ZeroDivisionError

    kept = Remembering()
    with pytest.raises(ZeroDivisionError):
        once(kept, Delivery.of("anna", "r", "k"), Amount, effect)
    assert list(kept.answers.values()) == [None]
