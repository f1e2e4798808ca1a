"""Tokens: one request for many threads, renewed before they end and when they are refused, never seen by a user."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
from tests.sources.faults import Faults, TokenDesk
from tests.sources.servers import serve

from glaciercast.errors import SourceError
from glaciercast.sources.access import Reader
from glaciercast.sources.http import Client, FetchPolicy
from glaciercast.sources.signing import SasSigner

BLOB = "https://landsateuwest.blob.core.windows.net/landsat-c2/level-2/a.TIF"
NOW = datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp()
QUICK = FetchPolicy(tries=4, backoff=0.01)


class Desk:
    """Stands for a client that asks for tokens: counts, and gives tokens that last `life` seconds."""

    def __init__(self, life: float = 3600.0) -> None:
        self.asked: list[str] = []
        self.life, self.now = life, NOW
        self.pause = 0.0

    def get(self, url: str) -> bytes:
        self.asked.append(url)
        time.sleep(self.pause)
        expiry = datetime.fromtimestamp(self.now + self.life, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f'{{"msft:expiry": "{expiry}", "token": "se={expiry.replace(":", "%3A")}&sp=rl&sig=nr{len(self.asked)}%3D"}}'.encode()

    def signer(self, **keys) -> SasSigner:
        return SasSigner(client=self, clock=lambda: self.now, **keys)


@pytest.fixture
def served(tmp_path):
    (tmp_path / "data.bin").write_bytes(bytes(range(256)) * 40)
    with serve(tmp_path) as server:
        yield server


def signer_of(server, clock=time.time) -> SasSigner:
    return SasSigner(server.token_url, f"127.0.0.1:{server.port}", clock=clock)


def test_the_request_and_the_signed_address():
    desk = Desk()
    assert desk.signer().sign(BLOB) == f"{BLOB}?se=2024-05-01T13%3A00%3A00Z&sp=rl&sig=nr1%3D"
    assert desk.asked == ["https://planetarycomputer.microsoft.com/api/sas/v1/token/landsateuwest/landsat-c2"]


def test_one_token_a_container_until_a_minute_before_its_end():
    desk = Desk(life=3600)
    signer = desk.signer()
    signer.sign(BLOB)
    signer.sign(BLOB.replace("a.TIF", "b.TIF"))
    assert len(desk.asked) == 1
    signer.sign(BLOB.replace("landsat-c2/", "other/"))
    signer.sign(BLOB.replace("landsateuwest", "sentinel2l2a01"))
    assert len(desk.asked) == 3
    desk.now = NOW + 3600 - 61
    assert signer.sign(BLOB).endswith("nr1%3D")
    desk.now = NOW + 3600 - 60
    assert signer.sign(BLOB).endswith("nr4%3D")


def test_a_token_of_a_short_life_is_used_for_half_of_it():
    desk = Desk(life=10)
    signer = desk.signer()
    assert signer.sign(BLOB) == signer.sign(BLOB)
    desk.now += 5
    signer.sign(BLOB)
    assert len(desk.asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/landsat-c2/a.TIF", "https://blob.core.windows.net.evil.org/c/a", "http://landsateuwest.blob.core.windows.net/c/a",
        "https://landsateuwest.blob.core.windows.net/", "https://.blob.core.windows.net/c/a", "https://evil.org/?x=.blob.core.windows.net/c/a",
    ],
)  # fmt: skip
def test_addresses_of_others_are_left_as_they_are(url):
    desk = Desk()
    assert desk.signer().sign(url) == url
    assert not desk.signer().refresh(url)
    assert desk.asked == []


def test_many_threads_cause_one_request():
    desk = Desk()
    desk.pause = 0.05
    signer, barrier = desk.signer(), threading.Barrier(12)

    def sign(_: int) -> str:
        barrier.wait()
        return signer.sign(BLOB)

    with ThreadPoolExecutor(12) as pool:
        signed = set(pool.map(sign, range(12)))
    assert (len(signed), len(desk.asked)) == (1, 1)

    def refresh(_: int) -> bool:
        barrier.wait()
        return signer.refresh(next(iter(signed)))

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(refresh, range(12)))
    assert len(desk.asked) == 2


def test_an_address_that_came_signed_keeps_its_token_until_that_ends_or_is_refused():
    desk = Desk()
    signer = desk.signer()
    own = f"{BLOB}?x=1%2F2&se=2024-05-01T12%3A30%3A00Z&sp=r&sig=theirs"
    assert signer.sign(own) == own
    desk.now += 29.5 * 60
    assert signer.sign(own) == f"{BLOB}?x=1%2F2&se=2024-05-01T13%3A29%3A30Z&sp=rl&sig=nr1%3D"

    desk = Desk()
    signer = desk.signer()
    assert signer.refresh(own)
    assert signer.sign(own).endswith("?x=1%2F2&se=2024-05-01T13%3A00%3A00Z&sp=rl&sig=nr1%3D")


def test_the_same_token_again_is_no_new_one():
    class Same(Desk):
        def get(self, url):
            return b'{"msft:expiry": "2024-05-01T13:00:00Z", "token": "sig=same"}'

    signer = Same().signer()
    assert not signer.refresh(signer.sign(BLOB))


@pytest.mark.parametrize(
    "said",
    [b"<html>", b"[]", b"{}", b'{"token": "sig=a", "msft:expiry": "soon"}', b'{"token": "abc", "msft:expiry": "2030-01-01T00:00:00Z"}'],
)
def test_an_answer_that_is_no_token(said):
    class Odd(Desk):
        def get(self, url):
            return said

    with pytest.raises(SourceError, match=r"^https://planetarycomputer\.microsoft\.com/api/sas/v1/token/landsateuwest/landsat-c2: "):
        Odd().signer().sign(BLOB)


def test_a_long_job_outlives_its_tokens(served):
    """Tokens end after 10 s though they claim an hour. Reads at 0, 6, … 42 s: 12, 24 and 36 s are refused, at a token each, no wait."""
    now, pauses = [NOW], []
    served.tokens = TokenDesk(life=10, announced=3600, clock=lambda: now[0])
    with closing(Client(QUICK, signer=signer_of(served, lambda: now[0]), sleep=pauses.append)) as client:
        for _ in range(8):
            assert client.get(served.url_of("data.bin"), 5, 9) == bytes([5, 6, 7, 8])
            now[0] += 6
    assert (served.outcomes["403"], served.tokens.given) == (3, 4)
    assert client.stats.retries == {"403, access refused": 3}
    assert pauses == []


def test_tokens_are_renewed_before_their_announced_end(served):
    """Tokens of 100 s are used for 50 s. Reads at 0, 20, … 180 s: new ones at 0, 60, 120 and 180 s, and no refusal."""
    now = [NOW]
    served.tokens = TokenDesk(life=100, clock=lambda: now[0])
    with closing(Client(QUICK, signer=signer_of(served, lambda: now[0]))) as client:
        for _ in range(10):
            client.get(served.url_of("data.bin"), 0, 1)
            now[0] += 20
    assert (served.outcomes["403"], served.tokens.given) == (0, 4)


def test_revoked_tokens_among_other_faults(served):
    served.tokens = TokenDesk()
    served.faults = Faults(rate=0.2, seed=5, kinds=("403", "503", "reset", "truncated"), most_in_a_row=2)
    content = (served.folder / "data.bin").read_bytes()
    client = Client(FetchPolicy(tries=10, backoff=0.01), connections=4, signer=signer_of(served))
    with Reader(client, connections=4) as reader:
        got = reader.read_many([(served.url_of("data.bin"), n * 64, n * 64 + 64) for n in range(160)])
    assert b"".join(got) == content
    assert served.faults.committed["403"] >= 3


def test_a_refusal_that_stays_ends_in_one_line_without_the_token(served):
    served.tokens = TokenDesk(life=0, announced=3600)
    line = r"/files/data\.bin: 403, access refused \(try 4 of 4\)$"
    with closing(Client(QUICK, signer=signer_of(served))) as client, pytest.raises(SourceError, match=line) as caught:
        client.get(served.url_of("data.bin"))
    assert served.outcomes["403"] == 4
    assert "sig" not in str(caught.value)


def test_without_a_signer_a_refusal_is_final(served):
    served.tokens = TokenDesk()
    with closing(Client(QUICK)) as client, pytest.raises(SourceError, match=r"/files/data\.bin: 403, access refused$"):
        client.get(served.url_of("data.bin"))
    assert served.requests == 1


def test_no_token_desk(served):
    line = r"/token/127\.0\.0\.1:\d+/files: 404, not found"
    with closing(Client(QUICK, signer=signer_of(served))) as client, pytest.raises(SourceError, match=line):
        client.get(served.url_of("data.bin"))
