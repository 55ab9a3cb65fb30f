"""Who waits for an order is woken by changes of that order."""

from functions.checkout.service.watching import Bell


async def test_a_ring_is_heard_by_those_who_wait_for_its_orders() -> None:
    bell = Bell()
    with bell.listen("one") as one, bell.listen("two") as two, bell.listen("one") as also_one:
        bell.ring({"one", "three"})
        await one.wait()
        await also_one.wait()
        assert not two.is_set()
        bell.ring({"two"})
        await two.wait()


async def test_who_has_left_is_not_rung_for() -> None:
    bell = Bell()
    with bell.listen("one") as left:
        pass
    with bell.listen("one") as stays:
        bell.ring({"one"})
        await stays.wait()
    assert not left.is_set()
