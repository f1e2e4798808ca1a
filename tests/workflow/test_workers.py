"""Builds by workers: the same cube and manifest as without, and the same one line where something fails."""

from __future__ import annotations

import logging
import signal
import time

import pytest
from distributed import LocalCluster
from tests.workflow import building

from glaciercast import runs, store, workflow
from glaciercast.errors import GlaciercastError, InputError
from glaciercast.workflow import workers

KEYS = {"products": ["dem", "landsat", "sentinel2"], "selection": {"max_cloud": 0.9}}


@pytest.fixture
def cluster():
    """Return a scheduler on loopback with two workers, which are threads of this process: nothing has to start."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as made:
        yield made
    workers._opened.cache_clear()
    workers._session.cache_clear()


def catalogue(archive) -> str:
    return str(archive / "archive" / "catalog.json")


def build(folder, archive, scheduler, **keys):
    """Build from the files of the archive; return the result and the manifest without times of access."""
    folder.mkdir(exist_ok=True)
    settings = building.settings(folder, archive, catalogue(archive), **{**KEYS, **keys})
    result = workflow.build(settings, folder / "run", building.fetching(folder / "cache", scheduler=scheduler))
    return result["products"], manifest(folder / "run" / "cube.zarr")


def manifest(cube):
    entries = store.read_manifest(cube)
    for entry in entries:
        for item in entry.get("items", []):
            item.pop("accessed", None)
        entry.pop("accessed", None)
    return entries


@pytest.mark.slow
def test_workers_behind_a_scheduler_make_the_same_cube_and_manifest(archive, cluster, tmp_path):
    products, lines = build(tmp_path / "alone", archive, "none")
    found, same = build(tmp_path / "crew", archive, cluster.scheduler_address)
    assert found == products and same == lines and len(lines) > 10
    one, other = (store.open_cube(tmp_path / name / "run" / "cube.zarr") for name in ("alone", "crew"))
    assert other["optical/landsat"].to_dataset().load().identical(one["optical/landsat"].to_dataset().load())
    assert store.verify(tmp_path / "crew" / "run" / "cube.zarr") == store.verify(tmp_path / "alone" / "run" / "cube.zarr")
    assert not list((tmp_path / "crew" / "run").glob("staging-*"))


def test_a_workers_error_is_the_same_one_line_and_the_same_command_goes_on_without_workers(archive, api, cluster, calm, tmp_path):
    source = building.written(tmp_path, archive, api.url, **building.FEW)
    broken = "LC08_L2SP_149035_20190316_20200908_02_T1_SR_B4.TIF"
    options = ["-o", tmp_path / "run", "--cache", tmp_path / "cache", *building.patiently(building.HASTY)]
    api.server.faults = building_faults(broken)
    result = building.command(source, *options, "--scheduler", cluster.scheduler_address)
    building.refused(result, 1, broken, "503 Service Unavailable", "try 2 of 2")
    api.server.reset()
    assert building.command(source, *options).returncode == 0
    assert building.checksums(tmp_path / "run" / "cube.zarr") == building.checksums(calm / "run" / "cube.zarr")


def building_faults(name):
    from tests.sources.faults import Faults

    return Faults(broken=lambda path: path.endswith(name))


def test_requests_of_workers_are_counted(archive, api, cluster, tmp_path):
    settings = building.settings(tmp_path, archive, api.url, **building.FEW)
    result = workflow.build(settings, tmp_path / "run", building.fetching(tmp_path / "cache", scheduler=cluster.scheduler_address))
    assert result["network"]["requests"] == len(api.server.log)


def test_signed_addresses_do_not_leave_the_process(archive, api, cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("glaciercast.workflow.session.is_signed", lambda href: href.endswith("QA_PIXEL.TIF"))
    with pytest.raises(InputError, match=r"landsat: the catalogue gave signed addresses, .* use --scheduler none"):
        build(tmp_path, archive, cluster.scheduler_address)


def test_a_scheduler_that_is_lost_is_one_line(archive, cluster, tmp_path, monkeypatch):
    submit, seen = workers.Cluster._submit, []

    def losing(self, *arguments):
        seen.append(arguments)
        if len(seen) == 6:
            cluster.close()
        return submit(self, *arguments)

    monkeypatch.setattr(workers.Cluster, "_submit", losing)
    with pytest.raises(GlaciercastError, match=r"^the scheduler was lost; the same command goes on from here$"):
        build(tmp_path, archive, cluster.scheduler_address)
    monkeypatch.undo()
    products, _ = build(tmp_path, archive, "none")
    assert products["landsat"]["scenes"] > 5


def test_tasks_carry_settings_and_items_and_nothing_else(archive, cluster, tmp_path, monkeypatch):
    submit, seen = workers.Cluster._submit, []
    monkeypatch.setattr(workers.Cluster, "_submit", lambda self, *told: seen.append(told) or submit(self, *told))
    build(tmp_path, archive, cluster.scheduler_address, **building.FEW)
    assert {type(part) for told in seen for part in told} == {str, int, list}
    assert {told[1] for told in seen} == {"glance", "stage"}
    assert all(set(item) >= {"id", "assets"} for told in seen for item in told[3])


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        ("0", r"--scheduler 0: expected 1 worker or more"),
        ("two", r"--scheduler two: expected none, a number of workers, or an address such as tcp://"),
        ("tcp://user:word@127.0.0.1:1", r"expected none, a number of workers, or an address"),
    ],
)
def test_what_no_scheduler_is_called_is_refused(scheduler, words, archive, tmp_path):
    with pytest.raises(InputError, match=words) as caught:
        build(tmp_path, archive, scheduler)
    assert "word" not in str(caught.value).partition("expected")[2]


def test_a_scheduler_that_does_not_answer_is_one_line(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "PATIENCE", 0.3)
    with pytest.raises(InputError, match=r"^--scheduler tcp://127.0.0.1:9: no scheduler answers there within 0.3 s$"):
        build(tmp_path, archive, "tcp://127.0.0.1:9")


def test_own_scenes_have_no_workers(tmp_path):
    path = tmp_path / "recipe.yml"
    path.write_text("name: a\nproduct: rasters\nfiles: '*.tif'\nbands: {green: 1, swir16: 2}\nmask: {band: 3, clear: [4]}\n")
    building.refused(building.command(path, "-o", tmp_path / "run", "--scheduler", "2"), 2, "own scenes are read by one process")


@pytest.mark.slow
@pytest.mark.parametrize("after", [3.0, 9.0, 13.0])
def test_worker_processes_that_are_killed_with_their_build_leave_one_that_goes_on(after, archive, tmp_path):
    source = building.written(tmp_path, archive, catalogue(archive), **KEYS)
    options = [source, "-o", tmp_path / "run", "--cache", tmp_path / "cache"]
    running = building.start(*options, "--scheduler", "2")
    time.sleep(after)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    time.sleep(1)  # orphans notice and end
    if not runs.is_complete(tmp_path / "run"):
        result = building.process(*options, "--scheduler", "2")
        assert result.returncode == 0, result.stderr
    _, lines = build(tmp_path / "alone", archive, "none")
    assert sorted(map(str, manifest(tmp_path / "run" / "cube.zarr"))) == sorted(map(str, lines))
