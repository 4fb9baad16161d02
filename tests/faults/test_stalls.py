"""Time in which nobody could write is found, and only that."""

import time

from node import eventually
from stalls import Stalls

STALL = 0.2


def test_a_sync_that_takes_long_is_a_stall(home):
    taken = []

    def sync(_):
        if not taken:
            taken.append((time.monotonic(), time.sleep(STALL), time.monotonic()))

    begin = time.monotonic()
    stalls = Stalls(home, sync)
    try:
        eventually(lambda: stalls.between(begin, time.monotonic()) >= STALL)
    finally:
        stalls.close()
    (stalled, _, went_on), end = taken[0], time.monotonic()
    assert STALL <= stalls.between(begin, end) <= end - begin
    middle = (stalled + went_on) / 2
    for one, other in ((begin, middle), (middle, end)):
        assert STALL / 2 <= stalls.between(one, other) <= other - one
    assert stalls.between(end, end + 1) == 0
