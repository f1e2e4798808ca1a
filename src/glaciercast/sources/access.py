"""Bytes from anywhere: the same reading of local files and of servers, many ranges at once, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Self, TypeVar

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import hrefs
from glaciercast.sources.http import Client, Stats

Item = TypeVar("Item")
Result = TypeVar("Result")
Range = tuple[str, int | None, int | None]
"""Location, first byte, byte after the last; None: from the beginning, to the end."""


class Reader:
    """Reads bytes of local files and of servers; safe to use from many threads. A context manager.

    Parameters
    ----------
    client
        Asks the servers (default: one that signs nothing).
    connections
        Ranges that `read_many` reads at the same time, over all threads that call it.
    """

    def __init__(self, client: Client | None = None, connections: int = 16) -> None:
        if connections < 1:
            raise InputError(f"connections {connections}: expected 1 or more")
        self.client = client or Client(connections=connections)
        self.connections = connections
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="read")

    @property
    def stats(self) -> Stats:
        """Requests, bytes and retries so far; local files are not counted."""
        return self.client.stats

    def read(self, location: str, start: int | None = None, stop: int | None = None) -> bytes:
        """Return the content, or exactly its bytes [start, stop); of a range that reaches past the end, what there is.

        Parameters
        ----------
        location
            http(s) URL, file URL or local path.

        Raises
        ------
        InputError
            If a local file is missing or may not be read, or the location is of another kind.
        SourceError
            If the file ends before `start`, a server fails (see `http.Client.get`) or a disk does.
        """
        if hrefs.is_remote(location):
            return self.client.get(location, start, stop)
        return _read_local(hrefs.local_path(location), start, stop)

    def read_many(self, ranges: Sequence[Range]) -> list[bytes]:
        """Return the bytes of each (location, start, stop), in order, read concurrently; errors as with `read`."""
        if len(ranges) <= 1:
            return [self.read(*each) for each in ranges]
        futures = [self._pool.submit(self.read, *each) for each in ranges]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()  # after a failure the rest is not worth its bytes

    def map(self, function: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None) -> Iterator[Result]:
        """Yield ``function(item)`` in the order of `items`, computed by `workers` threads at most that many results ahead.

        The threads are this call's own, so `function` may call `read_many` and `map` itself.

        Raises
        ------
        Exception
            What `function` raises, in its turn; items not yet begun are then dropped.
        """
        workers = workers or self.connections
        pool = ThreadPoolExecutor(workers, thread_name_prefix="map")
        ahead: deque[Future[Result]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """End the threads and the connections; a request that waits for its next try fails at once."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        self._pool.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read_local(path: Path, start: int | None, stop: int | None) -> bytes:
    first = start or 0
    if first < 0 or (stop is not None and stop < first):
        raise ValueError(f"bytes [{start}, {stop}): expected 0 <= start <= stop")
    try:
        with closing(path.open("rb")) as file:
            if first > (size := path.stat().st_size):
                raise SourceError(f"{path}: ends at byte {size}, expected data at byte {first}; the file is truncated")
            file.seek(first)
            return file.read(-1 if stop is None else stop - first)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from None
