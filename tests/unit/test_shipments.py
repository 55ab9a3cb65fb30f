"""How orders are split, and which way consignments go."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from functions.shipping.shipment_model import STEPS, UNDER_WAY, split, weight_of
from functions.shipping.tariff import HEAVIEST_GRAMS
from shared.contracts.orders import OrderLine
from shared.kit.isbn import Isbn


def lines(*sizes: tuple[int, int]) -> list[OrderLine]:
    """Of quantities and grams of one copy."""
    return [
        OrderLine(
            line=number,
            isbn=Isbn("9780141439846"),
            quantity=quantity,
            unit_price=899,
            weight_grams=grams,
        )
        for number, (quantity, grams) in enumerate(sizes, 1)
    ]


def shape(*sizes: tuple[int, int]) -> list[list[tuple[int, int]]]:
    return [[(one.line, one.quantity) for one in box] for box in split(lines(*sizes))]


def test_what_fits_goes_in_one_consignment() -> None:
    assert shape((1, 300), (2, 600)) == [[(1, 1), (2, 2)]]


def test_what_is_too_heavy_is_split_and_gaps_are_filled() -> None:
    assert shape((3, 9_000), (2, 900)) == [[(1, 2), (2, 2)], [(1, 1)]]


def test_a_copy_heavier_than_a_carrier_takes_goes_alone() -> None:
    assert shape((2, 25_000), (1, 300)) == [[(1, 1)], [(1, 1)], [(2, 1)]]


def test_what_is_downloaded_is_not_sent() -> None:
    assert shape((3, 0)) == []
    assert shape((3, 0), (1, 300)) == [[(2, 1)]]


@given(
    st.lists(
        st.tuples(st.integers(1, 99), st.integers(0, HEAVIEST_GRAMS + 5_000)),
        min_size=1,
        max_size=12,
    )
)
def test_every_copy_is_sent_once_and_no_box_is_too_heavy(sizes: list[tuple[int, int]]) -> None:
    boxes = split(lines(*sizes))
    packed: Counter[int] = Counter()
    for box in boxes:
        assert box
        packed.update({one.line: one.quantity for one in box})
        is_one_copy = sum(one.quantity for one in box) == 1
        assert weight_of(box) <= HEAVIEST_GRAMS or is_one_copy
    wanted = {number: count for number, (count, grams) in enumerate(sizes, 1) if grams}
    assert packed == wanted


def test_no_way_leads_back() -> None:
    """Whatever a consignment goes through, it never comes to a state again."""

    def ways(state: str, been: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = [been]
        for after in STEPS[state]:  # type: ignore[index]
            assert after not in been
            found += ways(after, (*been, after))
        return found

    ends = {way[-1] for way in ways("created", ("created",))}
    assert ends == set(STEPS)
    for before, after in pairwise(["dispatched", "in_transit", "out_for_delivery", "delivered"]):
        assert after in STEPS[before]  # type: ignore[index]
        assert before not in STEPS[after]  # type: ignore[index]
    assert set(STEPS) > UNDER_WAY
