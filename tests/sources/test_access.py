"""The same bytes from files and from servers, many at once, in order; nested use ends."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from tests.sources.faults import Faults
from tests.sources.servers import serve

from glaciercast.errors import InputError, SourceError
from glaciercast.sources.access import Reader
from glaciercast.sources.http import Client, FetchPolicy

CONTENT = np.random.default_rng(3).bytes(50_000)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "data.bin").write_bytes(CONTENT)
    with serve(folder) as server:
        yield server


@pytest.fixture(params=["path", "file URL", "http"])
def location(request, running):
    running.reset()
    path = running.folder / "data.bin"
    return {"path": str(path), "file URL": path.as_uri(), "http": running.url_of("data.bin")}[request.param]


@pytest.fixture
def reader():
    with Reader(Client(FetchPolicy(tries=4, backoff=0.01), connections=4), connections=4) as made:
        yield made


@pytest.mark.parametrize(("start", "stop"), [(None, None), (0, 100), (49_000, 60_000), (50_000, 50_001), (7, None), (None, 7), (9, 9)])
def test_the_same_bytes_however_they_are_reached(reader, location, start, stop):
    assert reader.read(location, start, stop) == CONTENT[start:stop]


def test_a_file_shorter_than_its_reader_has_reason_to_think(reader, location):
    with pytest.raises(SourceError, match=r"ends at byte 50000, expected data at byte 60000; the file is truncated"):
        reader.read(location, 60_000, 60_010)


def test_many_ranges_in_order(reader, location):
    ranges = [(location, n * 1000, n * 1000 + 1000) for n in reversed(range(50))]
    assert reader.read_many(ranges) == [CONTENT[first:last] for _, first, last in ranges]
    assert reader.read_many([]) == []


def test_many_ranges_end_with_the_first_that_fails(reader, running):
    running.reset()
    with pytest.raises(SourceError, match=r"nothing\.bin: 404, not found"):
        reader.read_many(
            [(running.url_of("data.bin"), 0, 10), (running.url_of("nothing.bin"), 0, 10)] + [(running.url_of("data.bin"), 0, 9)] * 20
        )


@pytest.mark.parametrize("name", ["nothing.bin", ".", "data.bin/inside"])
def test_a_local_file_that_is_not_there_is_wrong_input(reader, running, name):
    with pytest.raises(InputError, match=r"cannot be read"):
        reader.read(str(running.folder / name))


@pytest.mark.parametrize("location", ["s3://bucket/key", "ftp://example.org/x", "/vsicurl/http://example.org/x", "file://elsewhere/x"])
def test_other_kinds_of_places_are_refused(reader, location):
    with pytest.raises(InputError, match=r"expected a p|another machine"):
        reader.read(location)


def test_map_keeps_the_order_and_is_never_far_ahead(reader):
    """With 3 workers at most 4 results are begun but not taken, however slow the consumer is."""
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.002 * (number % 3))
        return number * number

    for taken, result in enumerate(reader.map(work, iter(range(40)), workers=3)):
        time.sleep(0.002)
        assert result == taken * taken
        assert len(begun) <= taken + 1 + 4


def test_reading_many_and_mapping_inside_a_map_does_not_lock_up(reader, running):
    """More outer tasks than threads of either pool: every one waits for inner ones, which must have threads of their own."""
    url = running.url_of("data.bin")

    def inner(number: int) -> bytes:
        return b"".join(reader.read_many([(url, number, number + 1), (url, number + 1, number + 2)]))

    def outer(number: int) -> list[bytes]:
        return list(reader.map(inner, range(number, number + 6), workers=2))

    got = list(reader.map(outer, range(12), workers=6))
    assert got == [[CONTENT[n : n + 2] for n in range(first, first + 6)] for first in range(12)]


def test_map_raises_in_turn_and_drops_the_rest(reader):
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise InputError("number two")
        return number

    results = reader.map(work, range(1000), workers=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(InputError, match=r"number two"):
        next(results)
    assert len(begun) <= 6


def test_a_map_left_early_ends_its_threads(reader):
    before = threading.active_count()
    results = reader.map(lambda number: number, range(100), workers=4)
    assert next(results) == 0
    results.close()
    assert threading.active_count() == before


def test_counts_are_those_of_the_client(reader, running):
    running.reset()
    running.faults = Faults(rate=1.0, kinds=("503",), burst=0, most_in_a_row=1)
    reader.read(running.url_of("data.bin"), 0, 10)
    assert (reader.stats.requests, reader.stats.bytes, reader.stats.retries) == (2, 10, {"503 Service Unavailable": 1})
