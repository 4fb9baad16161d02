"""Clocks that jump: that of the day only, and at once."""

import subprocess
import sys
import time

import pytest

from clock import Clock

SHOW = """
import sys, time
for _ in sys.stdin:
    print(time.time(), time.clock_gettime(5), time.monotonic(), flush=True)
"""
DAY = 86400


@pytest.fixture
def clock(home):
    made = Clock(home / "clock")
    yield made
    made.close()


@pytest.fixture
def process(clock):
    with subprocess.Popen([*clock.prefix(), sys.executable, "-c", SHOW], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        yield made
        made.stdin.close()


def times(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return map(float, process.stdout.readline().split())


def test_the_time_of_day_jumps_and_time_goes_on(clock, process):
    for seconds in (0, 1.5, -3600, 400 * DAY, 0):
        clock.jump_to(seconds)
        of_day, coarse, monotonic = times(process)
        assert of_day == pytest.approx(time.time() + seconds, abs=0.5)
        assert coarse == pytest.approx(of_day, abs=0.1)
        assert monotonic == pytest.approx(time.monotonic(), abs=0.5)


def test_jumps_add_up(clock, process):
    clock.jump(DAY)
    clock.jump(-3 * DAY)
    assert clock.seconds == -2 * DAY
    of_day, *_ = times(process)
    assert of_day == pytest.approx(time.time() - 2 * DAY, abs=0.5)


def test_a_node_believes_it(clock, start_node):
    node = start_node(wrapper=clock.prefix())
    for seconds in (0, DAY, -DAY):
        clock.jump_to(seconds)
        assert node.client.value("SELECT unixepoch()") == pytest.approx(time.time() + seconds, abs=2)
        assert node.client.must("CREATE TABLE IF NOT EXISTS t(at)", "INSERT INTO t SELECT unixepoch()")
        assert node.client.value("SELECT at FROM t ORDER BY rowid DESC") == pytest.approx(
            time.time() + seconds, abs=2)
