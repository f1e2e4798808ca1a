"""The client against a real server that fails on purpose: exact bytes, the right tries and pauses, one clear line at the end."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import numpy as np
import pytest
import urllib3
from tests.sources.faults import Faults
from tests.sources.servers import serve

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import answers
from glaciercast.sources.http import Client, FetchPolicy, redact

CONTENT = np.random.default_rng(7).bytes(200_000)
QUICK = FetchPolicy(tries=6, backoff=0.01)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    (folder / "data.bin").write_bytes(CONTENT)
    (folder / "empty.bin").write_bytes(b"")
    with serve(folder) as server:
        yield server


@pytest.fixture
def server(running):
    running.reset()
    return running


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(pauses):
    with closing(Client(QUICK, connections=4, sleep=pauses.append, seed=1)) as made:
        yield made


@contextmanager
def scripted(*answers: bytes):
    """Answer each connection in turn with the given bytes, as they are, and close it; yields the address and what was asked."""
    asked: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def work():
        for answer in answers:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test has read enough and closed the listener
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head or (head.startswith(b"POST") and not head.endswith(b"}")):
                    head += connection.recv(65536)
                asked.append(head.decode())
                with suppress(OSError):  # a client that has read enough may be gone already
                    connection.sendall(answer)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked


def answer(status: str, body: bytes = b"", **headers: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    lines += [] if "Content_Length" in headers or "Transfer_Encoding" in headers else [f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@pytest.mark.parametrize(
    ("start", "stop"),
    [(None, None), (0, 1), (0, 200_000), (5, 5), (1000, 70_001), (199_990, None), (199_990, 300_000), (None, 10), (200_000, 200_010)],
)
def test_bytes_are_exactly_those_of_the_range(server, client, start, stop):
    assert client.get(server.url_of("data.bin"), start, stop) == CONTENT[start:stop]


def test_a_file_without_bytes(server, client):
    assert client.get(server.url_of("empty.bin")) == b""
    assert client.get(server.url_of("empty.bin"), 0, 10) == b""


def test_a_range_that_begins_behind_the_end_tells_that_the_file_is_truncated(server, client):
    with pytest.raises(SourceError, match=r"/files/data\.bin: ends at byte 200000, expected data at byte 200001"):
        client.get(server.url_of("data.bin"), 200_001, 200_100)


@pytest.mark.parametrize(("start", "stop"), [(-5, 3), (10, 3)])
def test_an_impossible_range_is_the_callers_mistake(server, client, start, stop):
    with pytest.raises(ValueError, match=r"expected 0 <= start <= stop"):
        client.get(server.url_of("data.bin"), start, stop)


def test_connections_are_used_again_and_counted(server, client):
    for _ in range(20):
        client.get(server.url_of("data.bin"), 0, 100)
    client.get(server.url_of("data.bin"), 200_000, 200_001)  # 416 has a body too
    client.get(server.url_of("data.bin"), 0, 100)
    assert server.connections == 1
    assert (client.stats.requests, client.stats.bytes, client.stats.retries) == (22, 2100, {})


def test_many_threads_get_their_own_bytes(server):
    with closing(Client(connections=4)) as client, ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda n: client.get(server.url_of("data.bin"), n * 100, n * 100 + 100), range(200)))
    assert b"".join(got) == CONTENT[:20_000]
    assert server.connections <= 4


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("429", "429 Too Many Requests"), ("503", "503 Service Unavailable"), ("reset", "connection lost"),
        ("truncated", "truncated body"), ("slow", "body too slow"),
    ],
)  # fmt: skip
def test_each_passing_fault_is_tried_again_and_counted(server, pauses, kind, reason):
    server.faults = Faults(rate=1.0, kinds=(kind,), most_in_a_row=2, trickle=0.05)
    with closing(Client(FetchPolicy(total_timeout=1), sleep=pauses.append)) as client:
        assert client.get(server.url_of("data.bin"), 10, 1000) == CONTENT[10:1000]
    assert client.stats.retries == {reason: 2}
    assert (client.stats.requests, len(pauses)) == (3, 2)


def test_a_fifth_of_all_requests_fails_and_no_byte_is_wrong(server):
    """Faults of five kinds at a rate of 20 %, through a pool of four connections: none is lost, no answer is another's."""
    server.faults = Faults(rate=0.2, seed=3, kinds=("429", "503", "reset", "truncated"))
    with closing(Client(QUICK, connections=4, seed=1)) as client, ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: client.get(server.url_of("data.bin"), n * 500, n * 500 + 500), range(400)))
    assert hashlib.sha256(b"".join(got)).digest() == hashlib.sha256(CONTENT).digest()
    assert sum(client.stats.retries.values()) == sum(server.faults.committed.values()) >= 60
    assert set(server.faults.committed) == {"429", "503", "reset", "truncated"}


def test_a_failure_that_does_not_pass_ends_in_one_line_after_all_tries(server, client, pauses):
    server.faults = Faults(broken=lambda path: True)
    with pytest.raises(SourceError, match=rf"^{server.url}/files/data\.bin: 503 Service Unavailable \(try 6 of 6\)$"):
        client.get(f"{server.url_of('data.bin')}?token=secret")
    assert (server.requests, len(pauses)) == (6, 5)


def test_pauses_double_at_most_and_are_drawn_evenly(server):
    """Full jitter: pause n is uniform on [0, backoff · 2ⁿ⁻¹]; its mean over many runs is half of that, and it never passes the ceiling."""
    server.faults = Faults(broken=lambda path: True)
    policy = FetchPolicy(tries=4, backoff=1.0, longest_wait=3.0)
    drawn = []
    for seed in range(120):
        run: list[float] = []
        with closing(Client(policy, sleep=run.append, seed=seed)) as client, pytest.raises(SourceError):
            client.get(server.url_of("data.bin"))
        drawn.append(run)
    drawn = np.asarray(drawn)
    assert (drawn <= [1, 2, 3]).all() and (drawn >= 0).all()
    assert (drawn.max(axis=0) > [0.9, 1.8, 2.9]).all()
    np.testing.assert_allclose(drawn.mean(axis=0), [0.5, 1.0, 1.875], atol=0.2)  # the third: ∫ min(4u, 3) du = 1.875


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured_in_seconds_and_as_a_date(server, client, pauses, as_date):
    server.faults = Faults(rate=1.0, kinds=("429",), most_in_a_row=1, retry_after=7, as_date=as_date)
    client.get(server.url_of("data.bin"), 0, 10)
    assert len(pauses) == 1
    assert 7 - 1.5 * as_date <= pauses[0] <= 7.01  # dates are whole seconds


def test_no_pause_is_longer_than_the_longest(server, client, pauses):
    server.faults = Faults(rate=1.0, kinds=("429",), most_in_a_row=1, retry_after=86_400)
    client.get(server.url_of("data.bin"), 0, 10)
    assert pauses == [60.0]


@pytest.mark.parametrize(("status", "words"), [("404", "404, not found"), ("410", "410, not found"), ("401", "401, access refused")])
def test_what_no_further_try_mends_ends_at_once(server, client, status, words):
    server.faults = Faults(broken=lambda path: True, broken_how=status)
    with pytest.raises(SourceError, match=rf"data\.bin: {words}$"):
        client.get(server.url_of("data.bin"))
    assert server.requests == 1


def test_nobody_there(client):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(SourceError, match=rf"127\.0\.0\.1:{port}/x: no connection \(try 6 of 6\)"):
        client.get(f"http://127.0.0.1:{port}/x?sig=secret")


def test_a_silent_server_ends_in_a_timeout(pauses):
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        closing(Client(FetchPolicy(tries=2, read_timeout=0.2), sleep=pauses.append)) as client,
        pytest.raises(SourceError, match=r"no answer in time \(try 2 of 2\)"),
    ):
        client.get(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_server_that_ignores_ranges_serves_small_files_only(client):
    with scripted(answer("200 OK", CONTENT)) as (url, _):
        assert client.get(url, 100, 200) == CONTENT[100:200]
    large = scripted(answer("200 OK", b"", Content_Length=17 * 2**20))
    with large as (url, _), pytest.raises(SourceError, match=r"ignores ranges and sends all 17825792 bytes"):
        client.get(url, 100, 200)


@pytest.mark.parametrize("said", ["bytes 0-99/200000", "bytes 100-150/200000", "bytes 100-299/*", "pages 1-2/3", "", "bytes 100-199"])
def test_another_part_than_asked_for_is_never_taken(client, said):
    wrong = answer("206 Partial Content", CONTENT[100:200], Content_Range=said)
    right = answer("206 Partial Content", CONTENT[100:200], Content_Range="bytes 100-199/200000")
    with scripted(wrong, right) as (url, asked):
        assert client.get(url, 100, 200) == CONTENT[100:200]
    assert client.stats.retries == ({} if said == "bytes 100-199" else {"wrong range in the answer": 1})
    assert "Range: bytes=100-199" in asked[0]


def test_a_short_part_of_a_server_that_does_not_know_the_size(client):
    right = answer("206 Partial Content", CONTENT[100:200], Content_Range="bytes 100-199/*")
    with scripted(right) as (url, _):
        assert client.get(url, 100, 200) == CONTENT[100:200]


def test_a_compressed_page_is_read_and_a_broken_one_asked_for_again(client):
    page = json.dumps({"features": list(range(5000))}).encode()
    packed = gzip.compress(page)
    broken = answer("200 OK", packed[:-20], Content_Encoding="gzip")
    damaged = answer("200 OK", b"x" + packed[1:], Content_Encoding="gzip")
    chunked = answer("200 OK", b"%x\r\n%s\r\n" % (len(packed), packed), Content_Encoding="gzip", Transfer_Encoding="chunked")  # no end
    good = answer("200 OK", packed, Content_Encoding="gzip")
    with scripted(broken, damaged, chunked, good) as (url, asked):
        assert client.post(url, {"limit": 1}) == page
    assert sum(client.stats.retries.values()) == 3
    assert '{"limit": 1}' in asked[0] and "POST / HTTP/1.1" in asked[3]


def test_a_compressed_part_is_refused(client):
    part = answer("206 Partial Content", b"x" * 10, Content_Range="bytes 0-9/20", Content_Encoding="gzip")
    with scripted(part) as (url, _), pytest.raises(SourceError, match=r"compresses parts of files"):
        client.get(url, 0, 10)


def test_redirects_are_followed_five_times(server, client):
    with scripted(*[answer("302 Found", Location="/again")] * 4, answer("307 Temporary", Location=server.url_of("data.bin"))) as (
        url,
        asked,
    ):
        assert client.get(url, 0, 10) == CONTENT[:10]
    assert len(asked) == 5
    endless = scripted(*[answer("302 Found", Location="/again?token=secret")] * 6)
    with endless as (url, _), pytest.raises(SourceError, match=r"more than 5 redirects$"):
        client.get(url, 0, 10)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/x", "gopher://127.0.0.1/", ""])
def test_redirects_lead_to_the_web_only(client, target):
    with scripted(answer("302 Found", Location=target)) as (url, _), pytest.raises(SourceError, match=r"expected an http or https URL"):
        client.get(url)


def test_a_redirect_must_not_turn_a_post_into_a_get(client):
    with scripted(answer("302 Found", Location="/x")) as (url, _), pytest.raises(SourceError, match=r"302 Found in answer to POST"):
        client.post(url, {})


def test_a_bearer_token_goes_to_its_host_and_not_along_with_a_redirect():
    with scripted(answer("200 OK", b"x")) as (other, heard):
        leading = scripted(answer("302 Found", Location=other.replace("127.0.0.1", "localhost")))
        with leading as (url, asked), closing(Client(QUICK, bearer={"127.0.0.1": "secret"})) as client:
            assert client.get(url) == b"x"
    assert "Authorization: Bearer secret" in asked[0]
    assert "secret" not in heard[0]


@pytest.mark.parametrize("url", ["ftp://example.org/x", "file:///etc/passwd", "/etc/passwd", "http://", "http://[::1", "http://x:99999/"])
def test_only_web_addresses(client, url):
    with pytest.raises(InputError, match=r"expected an http or https URL"):
        client.get(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:word@example.org:8443/a/b.tif?sig=secret&se=1#part", "https://example.org:8443/a/b.tif"),
        ("http://[::1]:80/x?y", "http://[::1]:80/x"),
        ("http://[broken", "(unreadable URL)"),
    ],
)
def test_redacted(url, shown):
    assert redact(url) == shown


def test_closing_ends_the_wait_for_another_try(server):
    server.faults = Faults(broken=lambda path: True)
    client = Client(FetchPolicy(backoff=100), seed=1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, server.url_of("data.bin"))
        while not client.stats.retries:
            pass
        client.close()
        with pytest.raises(SourceError, match=r"503 Service Unavailable \(try 2 of 6\)"):
            waiting.result(5)
    server.reset()
    assert client.get(server.url_of("data.bin"), 0, 4) == CONTENT[:4]
    client.close()


def test_a_server_that_hangs_up_during_the_handshake_is_asked_again():
    tries = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            nonlocal tries
            for _ in range(3):
                connection, _address = listener.accept()
                with connection:
                    connection.recv(65536)
                tries += 1

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        with closing(Client(FetchPolicy(tries=3, backoff=0))) as client, pytest.raises(SourceError, match=r"\(try 3 of 3\)"):
            client.get(f"https://127.0.0.1:{listener.getsockname()[1]}/x")
        thread.join(5)
    assert tries == 3


def test_a_certificate_that_is_not_trusted_is_not_asked_for_again():
    refused = urllib3.exceptions.SSLError(ssl.SSLCertVerificationError(1, "self-signed certificate"))
    assert answers.untrusted(refused)
    assert not answers.untrusted(urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")))


def test_an_absurd_retry_after_is_none():
    assert answers.retry_after("Wed, 21 Oct 99999999999 07:28:00 GMT") is None
