"""What a user may get wrong: one line, the right exit code, and nothing that was there is harmed."""

from __future__ import annotations

import errno
import json
import shutil

import pytest
from tests.workflow import building

from glaciercast import runs
from glaciercast.sources.cache import RawCache


def build(place, source, *more):
    return building.command(source, "-o", place / "run", "--cache", place / "cache", *building.patiently(building.HASTY), *more)


def test_an_empty_search_says_what_a_wider_one_finds(archive, api, tmp_path):
    keys = {"products": ["landsat"], "start": "2019-06-01", "end": "2019-07-10"}
    result = build(tmp_path, building.written(tmp_path, archive, api.url, **keys))  # only Landsat 7 was there
    building.refused(result, 2, "landsat-c2-l2", "2019-06-01", "2019-07-10", "landsat-8 or landsat-9", "without the filters 1", "74.585")
    far = {**keys, "site": {"box": [75.2, 36.0, 75.25, 36.05], "outline": None}}
    building.refused(build(tmp_path, building.written(tmp_path, archive, api.url, **far)), 2, "box 1° larger", "landsat-c2-l2")
    never = {**keys, "start": "1990-01-01", "end": "1990-12-31"}
    building.refused(
        build(tmp_path, building.written(tmp_path, archive, api.url, **never)), 2, "in any period 22", "2019-01-11", "2021-06-25"
    )


def test_an_empty_search_is_told_before_anything_is_fetched_and_leaves_room_for_a_better_one(archive, api, tmp_path):
    keys = {**building.FEW, "products": ["dem", "landsat", "modis"]}  # MODIS begins in 2021
    building.refused(build(tmp_path, building.written(tmp_path, archive, api.url, **keys)), 2, "modis-11A2-061", "2021-05-01")
    assert not building.asked(api.server.log)
    assert build(tmp_path, building.written(tmp_path, archive, api.url, **building.FEW)).returncode == 0  # into the same folder


def test_an_empty_search_is_no_different_in_a_dry_run(archive, api, tmp_path):
    source = building.written(tmp_path, archive, api.url, products=["modis"], start="2019-01-01", end="2019-02-01")
    building.refused(building.command(source, "--cache", tmp_path / "cache", "--dry-run"), 2, "modis-11A2-061", "MOD11A2")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--catalogue", "planetary-computr"], ["planetary-computr", "planetary-computer"]),
        (["--catalogue", "/nowhere/catalog.json"], ["/nowhere/catalog.json"]),
        (["--catalogue", "http://me:hunter2@127.0.0.1:9/"], ["catalogue", "without user"]),
        (["--catalogue", "https://stac.example/v1?token=hunter2"], ["catalogue", "query"]),
        (["--products", "landsat,sentinel3"], ["products", "sentinel3"]),
        (["--products", ""], ["products"]),
        (["--start", "2019-13-01"], ["start", "2019-13-01"]),
        (["--start", "2020-01-01"], ["start 2020-01-01", "end 2019-03-31"]),
        (["--set", "selection.max_clouds=0.3"], ["max_clouds", "max_cloud"]),
        (["--set", "illumination=cosine", "--products", "landsat"], ["illumination", "dem"]),
        (["--fetch", "policy.tries=0"], ["policy.tries"]),
        (["--fetch", "token_host=127.0.0.1"], ["token_url"]),
        (["--connections", "0"], ["connections"]),
        (["--outline", "/nowhere/outlines.shp"], ["/nowhere/outlines.shp"]),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_before_anything_is_asked(words, found, archive, api, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    result = build(tmp_path, source, *words)
    building.refused(result, 2, *found)
    assert "hunter2" not in result.stderr
    assert not building.asked(api.server.log)
    assert not (tmp_path / "run" / "cube.zarr").exists()


def test_a_site_that_nobody_knows(tmp_path):
    building.refused(
        building.command("shispr", "-o", tmp_path / "run", "--start", "2019-01-01", "--end", "2019-02-01"), 2, "shispr", "shisper"
    )
    assert not (tmp_path / "run").exists()


def test_no_output_is_asked_for_and_a_site_needs_a_period(archive, api, tmp_path):
    building.refused(building.command(building.written(tmp_path, archive, api.url, **building.FEW)), 2, "--out", "--dry-run")
    building.refused(building.command("shisper", "-o", tmp_path / "run"), 2, "start")


@pytest.fixture
def finished(calm, tmp_path):
    """Return what is in the files of a copy of a finished build."""
    shutil.copytree(calm, tmp_path, dirs_exist_ok=True)
    return {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file() and path.name != ".lock"}


def test_what_is_finished_or_begun_otherwise_is_never_touched(finished, archive, api, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    building.refused(build(tmp_path, source), 2, "finished")
    state = tmp_path / "run" / "run.json"
    begun = {**runs.read_json(state), "status": "running"}
    state.write_text(json.dumps(begun))
    building.refused(build(tmp_path, source, "--set", "selection.max_cloud=0.1"), 2, "another config")
    assert all(path.read_bytes() == content for path, content in finished.items() if path != state)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    building.refused(building.command(source, "-o", other, "--cache", tmp_path / "cache"), 2, "not a run folder")
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_a_static_catalogue_of_files_gives_the_same_cube_and_goes_on(finished, archive, api, tmp_path):
    other = tmp_path / "static"
    other.mkdir()
    source = building.written(other, archive, str(archive / "archive" / "catalog.json"), **building.FEW)
    assert build(other, source).returncode == 0
    cube = other / "run" / "cube.zarr"
    assert building.checksums(cube) == building.checksums(tmp_path / "run" / "cube.zarr")
    assert not list((other / "cache").rglob("*.tif"))  # local files are read where they are
    state = other / "run" / "run.json"
    state.write_text(json.dumps({**runs.read_json(state), "status": "running"}))
    lines = [line for line in (cube.parent / "cube.zarr.manifest.jsonl").read_text().splitlines() if '"step": 2' not in line]
    (cube.parent / "cube.zarr.manifest.jsonl").write_text("\n".join(lines[:-1]) + "\n")  # as if killed in the third scene
    again = build(other, source)
    assert again.returncode == 0, again.stderr
    assert building.checksums(cube) == building.checksums(tmp_path / "run" / "cube.zarr")


def test_a_cache_that_cannot_be_written_is_one_line(archive, api, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    (tmp_path / "cache").write_text("a file where the folder should be")
    building.refused(build(tmp_path, source), 1, str(tmp_path / "cache"), "choose another folder")
    assert (tmp_path / "cache").read_text() == "a file where the folder should be"


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(archive, api, tmp_path, monkeypatch):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    kept, put = [], RawCache.put

    def until_full(self, key, band, facts):
        if len(kept) >= 9:
            monkeypatch.setattr("glaciercast.sources.cache.tempfile.mkstemp", full)
        kept.append(key)
        put(self, key, band, facts)

    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context():
        monkeypatch.setattr(RawCache, "put", until_full)
        building.refused(build(tmp_path, source), 1, "No space left on device", "free some space", str(tmp_path / "cache"))
    monkeypatch.undo()
    windows = {path: path.read_bytes() for path in (tmp_path / "cache").rglob("*.tif")}
    assert 0 < len(windows) <= 9 and not list((tmp_path / "cache" / "windows" / ".partial").iterdir())
    api.server.reset()
    again = build(tmp_path, source)
    assert again.returncode == 0, again.stderr
    assert all(path.read_bytes() == content for path, content in windows.items())


@pytest.mark.slow
def test_files_cannot_grow_any_more(archive, api, tmp_path):
    """A process whose files may hold 12 kB each: the cache's own do, an array of the cube does not."""
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (12000, 12000))"
    )
    arguments = [source, "-o", tmp_path / "run", "--cache", tmp_path / "cache", *building.patiently(building.HASTY)]
    building.refused(building.process(*arguments, prepare=limit), 1, "File too large")
    done = building.command(*arguments)
    assert done.returncode == 0, done.stderr
