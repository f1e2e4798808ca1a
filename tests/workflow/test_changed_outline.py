"""A build that was interrupted, and an outline whose file was changed before it goes on."""

from __future__ import annotations

import geopandas
import pytest
from tests.workflow import building

from glaciercast import store, workflow
from glaciercast.errors import InputError

KEYS = {"products": ["landsat"], "selection": {"max_cloud": 1.0}, "mask": {"where": "outline"}}


@pytest.fixture
def settings(archive, tmp_path):
    """Return a build of Landsat alone (no terrain that would notice) with an outline of its own in ``outline.geojson``."""
    geopandas.read_file(building.outline(archive)).to_crs("EPSG:4326").to_file(tmp_path / "outline.geojson")
    catalogue = str(archive / "archive" / "catalog.json")
    return building.settings(tmp_path, archive, catalogue, site={"outline": str(tmp_path / "outline.geojson"), "buffer": 0.0}, **KEYS)


def _shrink(path):
    frame = geopandas.read_file(path)
    frame["geometry"] = frame.to_crs("EPSG:32643").buffer(-250).to_crs("EPSG:4326")
    path.unlink()
    frame.to_file(path)


def _stop(monkeypatch, method, step=None):
    """Interrupt a build where it begins a group, or writes a scene."""
    whole = getattr(store.RegionWriter, method)

    def stopping(self, *args, **kwargs):
        if step is None or args[0] == step:
            raise KeyboardInterrupt
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(store.RegionWriter, method, stopping)


def _interrupted(settings, tmp_path, monkeypatch, method, step=None):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _stop(patch, method, step)
        workflow.build(settings, tmp_path / "run", building.fetching(tmp_path / "cache"))


def _final(folder):
    """Return the last verdict of each scene."""
    return {entry["verdict"]["scene_id"]: entry["verdict"] for entry in building.verdicts(folder, "landsat") if entry["final"]}


@pytest.mark.slow
def test_verdicts_under_the_old_outline_do_not_count(settings, tmp_path, monkeypatch):
    _interrupted(settings, tmp_path, monkeypatch, "begin")
    before = _final(tmp_path / "run")
    _shrink(tmp_path / "outline.geojson")
    resumed = workflow.build(settings, tmp_path / "run", building.fetching(tmp_path / "cache"))
    fresh = workflow.build(settings, tmp_path / "fresh", building.fetching(tmp_path / "cache"))
    assert before != _final(tmp_path / "fresh")  # else nothing is tested
    assert _final(tmp_path / "run") == _final(tmp_path / "fresh")
    assert resumed["products"] == fresh["products"]


@pytest.mark.slow
def test_scenes_under_two_outlines_are_not_mixed(settings, tmp_path, monkeypatch):
    _interrupted(settings, tmp_path, monkeypatch, "adopt", step=2)
    _shrink(tmp_path / "outline.geojson")
    with pytest.raises(InputError, match=r"/optical/landsat was begun from other input or settings"):
        workflow.build(settings, tmp_path / "run", building.fetching(tmp_path / "cache"))
