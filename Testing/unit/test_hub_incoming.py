"""What is on its way in: its sum is known, and past the bound the longest goes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from CastHubLib.incoming import Arrival, Incoming

MOST = 100


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60) | st.none())))
def test_the_sum_is_right_and_within_the_bound(steps: list[tuple[int, int | None]]) -> None:
    incoming = Incoming(MOST)
    coming: dict[int, Arrival] = {}
    held: dict[int, int] = {}
    for key, size in steps:
        if size is None:
            if key in coming:
                coming.pop(key).end()
                held.pop(key, None)
            continue
        if key not in coming:
            coming[key] = incoming.begin(lambda key=key: held.pop(key))
            held[key] = 0
        longest = max(held.values(), default=0)
        before = set(held)
        coming[key].came(size)
        if key in held:
            held[key] += size
        assert all(coming[gone].size >= longest for gone in before - set(held))
        assert incoming.bytes == sum(held.values()) <= MOST


def test_what_is_read_is_not_given_up_and_leaves_less_room() -> None:
    incoming = Incoming(MOST)
    gone: list[str] = []
    first, second = (incoming.begin(lambda name=name: gone.append(name)) for name in ("first", "second"))
    first.came(30), second.came(40)
    with incoming.counted(65):
        assert gone == ["second"] and incoming.bytes == 95
        second.came(1), second.end()
        assert incoming.bytes == 95
    first.came(70)
    assert gone == ["second"] and incoming.bytes == 100
    first.came(1)
    assert gone == ["second", "first"] and incoming.bytes == 0
