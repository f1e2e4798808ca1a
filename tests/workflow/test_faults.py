"""Builds against servers that fail: what passes leaves no trace, what stays ends in one line and goes on once it is mended."""

from __future__ import annotations

import itertools
import shutil
import socket
import time

import pytest
from aiohttp import web
from tests.sources import servers
from tests.sources.faults import KINDS, Faults, TokenDesk
from tests.workflow import building

from glaciercast import store, workflow


@pytest.fixture(scope="module")
def quiet(calm):
    """Return the checksums of a build of `building.FEW` without faults."""
    return building.checksums(calm / "run" / "cube.zarr")


def options(place, policy=building.HASTY):
    """Return a command's options: output, cache, patience."""
    return ["-o", place / "run", "--cache", place / "cache", *building.patiently(policy)]


def signed(api):
    """Return a command's options where files want tokens."""
    return ["--fetch", f"token_url={api.server.token_url}", "--fetch", f"token_host=127.0.0.1:{api.server.port}"]


def test_passing_faults_of_every_kind_leave_no_trace(archive, api, quiet, tmp_path):
    settings = building.settings(tmp_path, archive, api.url, **building.FEW)
    tokens = {"token_url": api.server.token_url, "token_host": f"127.0.0.1:{api.server.port}"}
    api.server.tokens = TokenDesk(life=3600)
    api.server.faults = Faults(rate=0.5, seed=4, kinds=KINDS, trickle=0.1, most_in_a_row=2)
    result = workflow.build(settings, tmp_path / "run", building.fetching(tmp_path / "cache", **tokens))
    assert building.checksums(tmp_path / "run" / "cube.zarr") == quiet
    assert set(api.server.faults.committed) == set(KINDS), api.server.faults.committed
    assert sum(result["network"]["retries"].values()) >= 10


def test_a_wait_that_the_server_asks_for_is_kept(archive, api, quiet, tmp_path):
    api.server.faults = Faults(rate=1.0, kinds=("429",), retry_after=1, most_in_a_row=1, only=lambda path: "/cop-dem" in path)
    settings, began = building.settings(tmp_path, archive, api.url, products=["dem"]), time.monotonic()
    workflow.build(settings, tmp_path / "run", building.fetching(tmp_path / "cache"))
    assert building.checksums(tmp_path / "run" / "cube.zarr")[("/terrain", 0)] == quiet[("/terrain", 0)]
    assert api.server.faults.committed["429"] >= 2 and time.monotonic() - began >= 2


def test_a_file_that_never_comes_ends_in_one_line_and_the_same_command_goes_on(archive, api, quiet, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    broken = "LC08_L2SP_149035_20190316_20200908_02_T1_SR_B4.TIF"
    api.server.tokens, api.server.faults = TokenDesk(), Faults(broken=lambda path: path.endswith(broken))
    result = building.command(source, *options(tmp_path), *signed(api))
    building.refused(result, 1, broken, "503 Service Unavailable", "try 2 of 2")
    assert "?" not in result.error
    cube = tmp_path / "run" / "cube.zarr"
    there = building.checksums(cube)
    assert set(there) == {("/terrain", 0)} and there[("/terrain", 0)] == quiet[("/terrain", 0)] and store.verify(cube) == 5
    before = building.asked(api.server.log)
    api.server.reset()
    again = building.command(source, *options(tmp_path))
    assert again.returncode == 0, again.stderr
    assert building.checksums(cube) == quiet and store.verify(cube) == 5 + 3 * 7
    twice = building.asked(api.server.log) & before
    assert any(path.endswith(broken) for path in twice) and len(twice) <= 16  # what was under way beside it
    assert not any(path.endswith("/search") for path in (request.path for request in api.server.log))


@pytest.mark.slow
def test_a_failing_product_leaves_the_earlier_ones_whole(archive, api, whole, tmp_path):
    keys = {"products": ["dem", "landsat", "sentinel2"], "selection": {"max_cloud": 0.6}}
    source = building.written(tmp_path, archive, api.url, **keys)
    shutil.copytree(whole.cache, tmp_path / "cache", ignore=shutil.ignore_patterns("sentinel-2-l2a"))
    api.server.faults = Faults(broken=lambda path: "_B11_20m" in path, broken_how="404")
    building.refused(building.command(source, *options(tmp_path)), 1, "_B11_20m.tif", "404, not found")
    cube, wanted = tmp_path / "run" / "cube.zarr", building.checksums(whole.cube)
    landsat = {key: sums for key, sums in wanted.items() if key[0] in ("/terrain", "/optical/landsat")}
    assert building.checksums(cube) == landsat and store.verify(cube) == 5 + 7 * 13
    api.server.reset()
    again = building.command(source, "-o", tmp_path / "run", "--cache", whole.cache)  # another cache, another patience
    assert again.returncode == 0, again.stderr
    optical = {key: sums for key, sums in wanted.items() if not key[0].startswith(("/velocity", "/temperature"))}
    assert building.checksums(cube) == optical


class Shut(TokenDesk):
    """Gives no token for files."""

    asked = 0

    def give(self, account, container):
        if container == "files":
            self.asked += 1
            raise web.HTTPServiceUnavailable
        return super().give(account, container)


class Useless(TokenDesk):
    """Gives tokens that no file accepts."""

    def accepts(self, signature):
        return False


@pytest.mark.parametrize(("desk", "words"), [(Shut, ["/token/", "503"]), (Useless, ["403, access refused"])])
def test_tokens_that_are_refused_for_good_end_in_one_line(desk, words, archive, api, quiet, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    api.server.tokens = desk()
    began = time.monotonic()
    building.refused(building.command(source, *options(tmp_path), *signed(api)), 1, *words)
    assert time.monotonic() - began < 10
    if desk is Shut:
        api.server.reset()
        assert building.command(source, *options(tmp_path)).returncode == 0
        assert building.checksums(tmp_path / "run" / "cube.zarr") == quiet


@pytest.mark.parametrize("after", [pytest.param(4, marks=pytest.mark.slow), 25])
def test_a_server_that_dies_on_the_way_ends_in_one_line_and_the_same_command_goes_on(after, archive, api, quiet, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    number = itertools.count()
    api.server.faults = Faults(broken=lambda path: next(number) >= after, broken_how="reset")
    building.refused(building.command(source, *options(tmp_path)), 1, f"127.0.0.1:{api.server.port}", "try 2 of 2")
    api.server.reset()
    again = building.command(source, *options(tmp_path))
    assert again.returncode == 0, again.stderr
    assert building.checksums(tmp_path / "run" / "cube.zarr") == quiet


def test_no_server_at_all_is_one_line(archive, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        source = building.written(tmp_path, archive, url, **building.FEW)
        building.refused(building.command(source, *options(tmp_path)), 1, url)


def test_no_token_stays_anywhere(archive, api, quiet, tmp_path):
    keys = {**building.FEW, "products": ["dem", "landsat", "itslive"], "end": "2020-06-30"}
    source = building.written(tmp_path, archive, api.url, **keys)
    api.server.tokens = TokenDesk(life=0.3, announced=3600)  # refused while it claims to be good
    result = building.command(source, *options(tmp_path, building.PATIENT), *signed(api), "--json")
    assert result.returncode == 0, result.stderr
    assert api.server.tokens.given >= 3 and api.server.outcomes["403"] >= 1
    assert building.secrets(tmp_path, b"sig=", b"sig%3D", b"&se=", b"sp=rl") == []
    assert "sig=" not in result.stdout + result.stderr


def test_addresses_that_come_signed_are_used_and_not_kept(archive, quiet, tmp_path, monkeypatch):
    """Some APIs hand out signed addresses: they work, nothing of a signature is written, and a later run searches again."""
    plain = servers._item

    def signed_item(path, server):
        item = plain(path, server)
        for asset in item["assets"].values():
            asset["href"] += "?se=2030-01-01T00%3A00%3A00Z&sp=rl&sig=HUNTER2%3D"
        return item

    monkeypatch.setattr(servers, "_item", signed_item)
    with servers.stac_server(archive / "archive") as api:
        source = building.written(tmp_path, archive, api.url, **building.FEW)
        api.server.faults = Faults(broken=lambda path: path.endswith("_SR_B5.TIF"))
        building.refused(building.command(source, *options(tmp_path)), 1, "_SR_B5.TIF: 503")
        assert building.secrets(tmp_path, b"HUNTER2", b"sig=") == []
        api.server.reset()
        assert building.command(source, *options(tmp_path)).returncode == 0
        assert any(request.path.endswith("/search") for request in api.server.log)
        assert building.checksums(tmp_path / "run" / "cube.zarr") == quiet
        assert building.secrets(tmp_path, b"HUNTER2", b"sig=") == []


def test_items_of_an_interrupted_run_are_not_searched_again_even_if_the_archive_grew(archive, api, quiet, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    api.server.faults = Faults(broken=lambda path: path.endswith("_SR_B5.TIF"))
    assert building.command(source, *options(tmp_path)).returncode == 1
    kept = sorted(path.name for path in (tmp_path / "run" / "items").iterdir())
    assert kept == ["dem.json", "landsat.json"]
    api.server.reset()
    api.server.faults = Faults(broken=lambda path: not path.startswith("/files/"))  # the API is gone for good
    assert building.command(source, *options(tmp_path)).returncode == 0
    assert building.checksums(tmp_path / "run" / "cube.zarr") == quiet
