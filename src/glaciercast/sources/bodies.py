"""The body of an answer over HTTP: whole or exactly the part that was asked for, of the announced length, in time (RFC 9110)."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from glaciercast.errors import SourceError
from glaciercast.sources import answers, hrefs
from glaciercast.sources.answers import Passing

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

Span = tuple[int, int | None]
"""First byte and the byte after the last; None: to the end."""
SMALL_BODY = 16 * 2**20
"""A server that ignores ranges sends whole files; up to this size (bytes) the range is cut from them here."""
LARGEST_BODY = 4 * 2**30
"""No page, chunk or outline is larger (bytes); a body that goes on beyond it is refused."""
PIECE = 2**18


def receive(response: BaseHTTPResponse, url: str, span: Span | None, deadline: float, count: Callable[[int], None]) -> bytes:
    """Return the body of an answer of status 200, 206 or 416.

    Parameters
    ----------
    response
        Its body is not read yet.
    url
        For the error's line.
    span
        The bytes that were asked for; None: all.
    deadline
        Of the whole body, seconds of `time.monotonic`.
    count
        Called with the number of bytes of each piece that comes in.

    Raises
    ------
    Passing
        If it breaks off, is damaged, too slow or another part than the one asked for.
    SourceError
        If it is too long, ends before the range, or is encoded as nobody asked for.
    """
    encoding = response.headers.get("Content-Encoding", "").lower()
    if span is None:
        if response.status != 200:
            raise SourceError(f"{hrefs.redact(url)}: {answers.words(response.status)}, expected 200 and the whole file")
        return decoded(_read(response, url, LARGEST_BODY, deadline, count), encoding, url)
    if response.status == 416:
        return _past_the_end(response, url, span[0])
    if response.status == 206:
        if encoding not in ("", "identity"):
            raise SourceError(f"{hrefs.redact(url)}: the server compresses parts of files, expected the bytes themselves")
        length = promised(response.headers.get("Content-Range", ""), *span)
        data = _read(response, url, length, deadline, count)
        if len(data) != length:
            raise Passing("truncated body")
        return data
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > SMALL_BODY:
        raise SourceError(f"{hrefs.redact(url)}: the server ignores ranges and sends all {announced} bytes, expected 206 with a part")
    data = decoded(_read(response, url, SMALL_BODY, deadline, count), encoding, url)
    if span[0] > len(data):
        raise _ends_before(url, span[0], len(data))
    return data[slice(*span)]


def _read(response: BaseHTTPResponse, url: str, most: int, deadline: float, count: Callable[[int], None]) -> bytes:
    """Read a body as it comes, so that a trickle is noticed; of the length that the server announced."""
    from urllib3.exceptions import HTTPError

    length = response.headers.get("Content-Length", "")
    data = bytearray()
    try:
        while piece := response.read1(PIECE, decode_content=False):
            data += piece
            count(len(piece))
            if len(data) > most:
                raise _too_long(url, most)
            if time.monotonic() > deadline:
                raise Passing("body too slow")
    except (HTTPError, OSError) as error:
        raise Passing(answers.reason(error)) from None
    if length.isdecimal() and len(data) != int(length):
        raise Passing("truncated body")
    return bytes(data)


def content_range(header: str) -> tuple[int, int, int | None]:
    """Return first byte, last byte and size from ``bytes 0-9/100`` (size None for ``*``; section 14.4).

    Raises
    ------
    Passing
        If it cannot be read.
    """
    unit, _, rest = header.partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    if unit != "bytes" or not (first.isdecimal() and last.isdecimal()) or int(last) < int(first):
        raise Passing("wrong range in the answer")
    return int(first), int(last), int(total) if total.isdecimal() else None


def promised(header: str, start: int, stop: int | None) -> int:
    """Return how many bytes a part holds, given its ``Content-Range`` and the range [start, stop) that was asked for.

    Raises
    ------
    Passing
        If it is another part.
    """
    first, last, total = content_range(header)
    ends = [end for end in (stop, total) if end is not None]
    if first != start or (ends and last + 1 != min(ends)):
        raise Passing("wrong range in the answer")
    return last + 1 - first


def _past_the_end(response: BaseHTTPResponse, url: str, start: int) -> bytes:
    """Return the nothing that lies behind the last byte, as a 416 says.

    Raises
    ------
    SourceError
        If the file ends before `start`: then it is shorter than its reader has reason to think.
    Passing
        If the file goes on after `start`.
    """
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if total.isdecimal() and start > int(total):
        raise _ends_before(url, start, int(total))
    if total.isdecimal() and start < int(total):
        raise Passing("wrong range in the answer")
    response.drain_conn()
    return b""


def _ends_before(url: str, start: int, total: int) -> SourceError:
    """Return the error of a file that is too short."""
    return SourceError(f"{hrefs.redact(url)}: ends at byte {total}, expected data at byte {start}; the file is truncated")


def decoded(data: bytes, encoding: str, url: str) -> bytes:
    """Undo a ``Content-Encoding`` of gzip.

    Raises
    ------
    Passing
        If the stream is damaged or breaks off.
    SourceError
        If the encoding is another one, or the body goes on beyond `LARGEST_BODY`.
    """
    if encoding in ("", "identity"):
        return data
    if encoding not in ("gzip", "x-gzip"):
        raise SourceError(f"{hrefs.redact(url)}: encoded as '{encoding[:20]}', expected gzip or none")
    stream = zlib.decompressobj(wbits=31)
    try:
        out = stream.decompress(data, LARGEST_BODY)
    except zlib.error:
        raise Passing("damaged body") from None
    if stream.unconsumed_tail:
        raise _too_long(url, LARGEST_BODY)
    if not stream.eof:
        raise Passing("truncated body")
    return out


def _too_long(url: str, most: int) -> SourceError:
    """Return the error of a body that goes on and on."""
    return SourceError(f"{hrefs.redact(url)}: the body goes on beyond {most} bytes")
