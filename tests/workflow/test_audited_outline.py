"""Which of an inventory's glaciers a site is audited against."""

from __future__ import annotations

import geopandas
import pytest
import shapely

from glaciercast.sites import Site
from glaciercast.workflow import checks

BOX = (74.0, 36.0, 74.1, 36.1)
OWN = shapely.box(74.02, 36.02, 74.08, 36.08)
NEIGHBOUR = shapely.box(74.09, 36.02, 74.2, 36.08)
FAR = shapely.box(76.0, 36.0, 76.1, 36.1)


@pytest.fixture
def inventory(tmp_path):
    frame = geopandas.GeoDataFrame({"rgi_id": ["RGI-1", "RGI-2", "RGI-3"]}, geometry=[OWN, NEIGHBOUR, FAR], crs="EPSG:4326")
    frame.to_file(tmp_path / "region.gpkg")
    return str(tmp_path / "region.gpkg")


def _site(**keys):
    return Site(name="mine", title="Mine", box=BOX, crs="EPSG:32643", **keys)


def test_a_site_is_audited_against_its_own_glacier_of_an_inventory(inventory):
    origin, geometry = checks._outline(None, None, _site(outline=inventory, rgi_id="RGI-1"), None)
    assert origin == inventory
    assert geometry.equals(OWN)


def test_a_site_without_an_id_is_audited_against_the_glaciers_in_its_box(inventory):
    _, geometry = checks._outline(None, None, _site(outline=inventory), None)
    assert geometry.equals(shapely.union(OWN, NEIGHBOUR))


def test_a_users_own_outline_needs_no_id(inventory, tmp_path):
    geopandas.read_file(inventory).drop(columns="rgi_id").iloc[[0]].to_file(tmp_path / "own.gpkg")
    _, geometry = checks._outline(None, None, _site(outline=str(tmp_path / "own.gpkg"), rgi_id="RGI-1"), None)
    assert geometry.equals(OWN)
