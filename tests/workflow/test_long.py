"""Sixty scenes through one request in five failing, and through kills at any moment: the arrays are those of the quiet build."""

from __future__ import annotations

import random
import time
from importlib import resources
from pathlib import Path

import pytest
import yaml
from tests.sources.faults import KINDS, Faults, TokenDesk
from tests.sources.servers import stac_server
from tests.workflow import building

from glaciercast import store, workflow
from glaciercast.simulate import archive as archives
from glaciercast.simulate import scenario as scenarios

pytestmark = pytest.mark.slow

SENSOR = {"platform": "landsat-8", "start": "2019-01-01", "end": "2021-12-31", "every_days": 16, "path": 149, "row": 35}
KEYS = {"products": ["dem", "landsat"], "end": "2021-12-31", "selection": {"max_cloud": 1.0, "max_missing": 1.0}}
BOX = [74.592, 36.414, 74.608, 36.426]
"""48 × 45 pixels."""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Return the archive of a glacier that Landsat 8 saw every 16 days for three years, and hardly a cloud."""
    text = (resources.files("glaciercast.simulate") / "scenarios" / "tiny.yml").read_text(encoding="utf-8")
    changed = yaml.safe_load(text) | {"name": "many", "end": "2021-12-31", "temperature": None, "velocity": None}
    changed["area"] |= {"rows": 64, "columns": 64, "margin": 12}
    changed["weather"] |= {"mean_cloud": 0.15}
    changed["optical"] |= {"sensors": [SENSOR], "two_rows": 0.05}
    folder = tmp_path_factory.mktemp("many")
    (folder / "many.yml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    archives.simulate(scenarios.load(folder / "many.yml"), folder / "run", 3, workers=1)
    return folder / "run"


@pytest.fixture(scope="module")
def busy(many):
    """Return the API over the archive."""
    with stac_server(many / "archive") as api:
        yield api


@pytest.fixture(scope="module")
def settings(many, busy, tmp_path_factory):
    return building.settings(tmp_path_factory.mktemp("settings"), many, busy.url, site={"box": BOX}, **KEYS)


@pytest.fixture(scope="module")
def calm(busy, settings, tmp_path_factory):
    """Return the checksums of the build without faults."""
    place = tmp_path_factory.mktemp("calm")
    workflow.build(settings, place / "run", building.fetching(place / "cache"))
    sums = building.checksums(place / "run" / "cube.zarr")
    assert sum(group == "/optical/landsat" for group, _ in sums) >= 60
    return sums


def test_sixty_scenes_through_a_fifth_of_all_requests_failing(busy, settings, calm, tmp_path):
    server = busy.server
    server.reset()
    server.tokens = TokenDesk(life=2.0, announced=3600)  # each ends while it claims to be good
    server.faults = Faults(rate=0.2, seed=7, kinds=KINDS, trickle=0.1)
    tokens = {"token_url": server.token_url, "token_host": f"127.0.0.1:{server.port}"}
    result = workflow.build(settings, tmp_path / "run", building.fetching(tmp_path / "cache", **tokens))
    cube = tmp_path / "run" / "cube.zarr"
    assert building.checksums(cube) == calm
    assert store.verify(cube) == sum(len(sums) for sums in calm.values())
    committed = server.faults.committed
    assert set(committed) == set(KINDS) and min(committed.values()) >= 5, committed
    assert 0.15 < committed.total() / server.requests < 0.45  # a burst takes others with it
    assert server.tokens.given >= 4 and sum(result["network"]["retries"].values()) >= committed.total() * 0.8
    assert building.secrets(tmp_path, b"sig=", b"sp=rl") == []
    server.reset()


def test_kills_at_any_moment_lose_at_most_what_was_under_way(many, busy, calm, tmp_path):
    """Kill −9 in the search, in the survey (twice) and while writing; then the same command goes on to the end."""
    server, draw = busy.server, random.Random(11)
    source = building.written(tmp_path, many, busy.url, site={"box": BOX}, **KEYS)
    connections = 6  # one scene has six files
    arguments = [source, "-o", tmp_path / "run", "--cache", tmp_path / "cache", "--connections", connections]
    arguments += building.patiently()
    survey, manifest = tmp_path / "run" / "survey-landsat.jsonl", tmp_path / "run" / "cube.zarr.manifest.jsonl"
    server.reset()
    server.latency = 0.02
    runs = []
    moments = [(None, 0), (survey, draw.randint(5, 40)), (survey, draw.randint(75, 110)), (manifest, draw.randint(8, 50))]
    for path, lines in moments:
        server.log = []
        killed_at(arguments, path, lines, server)
        runs.append(asked(server))
    server.log, server.latency = [], 0.0
    done = building.process(*arguments)
    assert done.returncode == 0, done.stderr
    runs.append(asked(server))
    cube = tmp_path / "run" / "cube.zarr"
    assert building.checksums(cube) == calm and store.verify(cube) == sum(len(sums) for sums in calm.values())
    again = [len(later & set().union(*runs[:number])) for number, later in enumerate(runs) if number]
    print("files asked for by run", [len(found) for found in runs], "again", again)
    assert all(number <= connections for number in again)


def asked(server):
    """Return the files whose blocks, not only headers, were asked for."""
    return {one.path for one in server.log if one.path.lower().endswith(".tif") and not one.range.startswith("bytes=0-")}


def killed_at(arguments, path, lines, server):
    """Start the command, and kill it −9 once a file has so many lines (or once the server was asked three times)."""
    running = building.start(*arguments)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and running.poll() is None:
            if length(path) >= lines if path is not None else server.requests >= 3:
                break
            time.sleep(0.005)
        assert running.poll() is None, running.communicate()[1]
    finally:
        running.kill()
        running.communicate()


def length(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
