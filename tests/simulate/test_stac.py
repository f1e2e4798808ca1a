"""Items, collections and the catalogue: whole or not there, valid, and where the rasters really lie."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pystac
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from glaciercast.errors import GlaciercastError
from glaciercast.simulate.products import collections, stac

SQUARE = GeoBox((800, 800), Affine(30, 0, 500_000, 0, -30, 4_024_000), "EPSG:32643")
COLLECTIONS = ("landsat-c2-l2", "sentinel-2-l2a", "modis-11A1-061", "modis-11A2-061", "cop-dem-glo-30", "itslive-cubes")


def item(name: str, collection: str = "cop-dem-glo-30", **properties: Any) -> dict[str, Any]:
    assets = {"data": stac.asset("dem.tif", "Elevation", ["data"], fields={"gsd": 30, "proj:epsg": 4326})}
    return stac.make_item(name, collection, SQUARE, {"datetime": "2021-04-22T00:00:00Z", **properties}, assets, ["projection/v1.0.0"])


def put(archive: Path, name: str, collection: str = "cop-dem-glo-30", **properties: Any) -> None:
    with stac.item_folder(archive, collection, name) as folder:
        (folder / "dem.tif").touch()
        stac.write_item(folder, item(name, collection, **properties))


def test_an_item_appears_whole(tmp_path: Path) -> None:
    assert not stac.exists(tmp_path, "cop-dem-glo-30", "dem.v1.0")
    put(tmp_path, "dem.v1.0")
    assert stac.exists(tmp_path, "cop-dem-glo-30", "dem.v1.0")
    assert sorted(path.name for path in (tmp_path / "cop-dem-glo-30" / "dem.v1.0").iterdir()) == ["dem.tif", "dem.v1.0.json"]


def test_an_error_leaves_nothing_behind_and_a_killed_run_is_cleared(tmp_path: Path) -> None:
    half = tmp_path / "cop-dem-glo-30" / "dem.partial"
    half.mkdir(parents=True)
    (half / "old.tif").touch()
    with pytest.raises(RuntimeError), stac.item_folder(tmp_path, "cop-dem-glo-30", "dem") as folder:
        assert not list(folder.iterdir())
        raise RuntimeError
    assert not list((tmp_path / "cop-dem-glo-30").iterdir())


def test_misuse_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "dem")
    with pytest.raises(GlaciercastError, match="there already"), stac.item_folder(tmp_path, "cop-dem-glo-30", "dem"):
        pass
    with pytest.raises(GlaciercastError, match="no item"), stac.item_folder(tmp_path, "cop-dem-glo-30", "empty"):
        pass
    with pytest.raises(GlaciercastError, match=r"no file dem\.tif"), stac.item_folder(tmp_path, "cop-dem-glo-30", "b") as folder:
        stac.write_item(folder, item("b"))
    with pytest.raises(GlaciercastError, match="not the folder"), stac.item_folder(tmp_path, "cop-dem-glo-30", "c") as folder:
        stac.write_item(folder, item("b"))
    with pytest.raises(GlaciercastError, match="did you mean"):
        collections.statics("landsat-c2-l1")


def test_the_footprint_of_a_utm_square() -> None:
    polygon, box = stac.footprint(SQUARE)
    to_degrees = Transformer.from_crs("EPSG:32643", "EPSG:4326", always_xy=True)
    left, bottom, right, top = 500_000, 4_000_000, 524_000, 4_024_000
    corners = [to_degrees.transform(x, y) for x, y in ((left, bottom), (right, bottom), (right, top), (left, top))]
    (ring,) = polygon["coordinates"]
    assert len(ring) == 5 and ring[0] == ring[-1]
    for found, wanted in zip(ring, corners, strict=False):
        assert found == pytest.approx(wanted, abs=1e-8)
    assert ring[0] == pytest.approx([75.0, 36.1448], abs=1e-4)  # on the central meridian of zone 43, 4000 km / 0.9996 from the equator
    lon, lat = zip(*corners, strict=True)
    assert box == pytest.approx([min(lon), min(lat), max(lon), max(lat)], abs=1e-8)
    assert sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) > 0  # anticlockwise


def test_the_footprint_of_a_modis_tile_follows_its_meridians() -> None:
    size = 1200 * 926.625433
    sinusoidal = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"
    tile = GeoBox.from_bbox((5 * size, 3 * size, 6 * size, 4 * size), crs=sinusoidal, resolution=926.625433)  # h23v05
    polygon, box = stac.footprint(tile)
    assert box[1] == pytest.approx(30, abs=1e-5) and box[3] == pytest.approx(40, abs=1e-5)
    assert box[0] == pytest.approx(57.7350, abs=1e-3) and box[2] == pytest.approx(78.3244, abs=1e-3)  # 50° / cos 30°, 60° / cos 40°
    assert len(polygon["coordinates"][0]) > 80


def test_projection_and_time_are_spelt_as_in_real_items() -> None:
    fields = stac.projection(SQUARE, bbox=True)
    assert fields == {
        "proj:bbox": [500_000.0, 4_000_000.0, 524_000.0, 4_024_000.0],
        "proj:shape": [800, 800],
        "proj:transform": [30.0, 0.0, 500_000.0, 0.0, -30.0, 4_024_000.0],
    }
    assert stac.timestamp(pystac.utils.str_to_datetime("2020-12-04T19:02:11.194486Z")) == "2020-12-04T19:02:11.194486Z"


def test_the_catalogue_holds_what_is_on_disk(tmp_path: Path) -> None:
    for name in COLLECTIONS:
        put(tmp_path, f"{name}.b", name, datetime="2021-04-22T10:00:00Z", platform="terra")
        put(tmp_path, f"{name}.a", name, datetime=None, start_datetime="2020-01-01T00:00:00Z", end_datetime="2020-01-09T00:00:00Z")
    (tmp_path / "modis-11A1-061" / "late.partial").mkdir()
    (tmp_path / "outlines").mkdir()
    stac.write_catalog(tmp_path, "A glacier")
    catalogue = pystac.Catalog.from_file(tmp_path / "catalog.json")
    assert [child.id for child in catalogue.get_children()] == sorted(COLLECTIONS)
    for child in catalogue.get_children():
        assert [one.id for one in child.get_items()] == [f"{child.id}.a", f"{child.id}.b"]
        assert child.extent.spatial.bboxes == [stac.footprint(SQUARE)[1]]
        assert [str(time) for time in child.extent.temporal.intervals[0]] == ["2020-01-01 00:00:00+00:00", "2021-04-22 10:00:00+00:00"]
        described = json.loads(Path(child.self_href).read_text())
        assert "Simulated, not real" in described["description"] and described["license"] == "CC0-1.0"
        assert described["item_assets"]["data"] == {"type": stac.COG, "title": "Elevation", "gsd": 30, "roles": ["data"]}
    validate(catalogue)


def test_the_real_collections_have_the_same_titles_and_extensions(real_data: Any) -> None:
    for name in ("landsat-c2-l2", "modis-11A1-061", "modis-11A2-061"):
        real = json.loads(real_data(f"stac_items/planetary_computer_style/{name}.collection.json").read_text())
        ours = collections.statics(name)
        assert ours["title"] == real["title"]
        assert set(collections.schemas(ours["extensions"])) <= set(real["stac_extensions"])


def validate(root: pystac.Catalog) -> None:
    """Validate a tree against the core schemas that pystac brings along; it has no schema of an extension, so those are set aside."""
    for one in [root, *root.get_children(), *(item for child in root.get_children() for item in child.get_items())]:
        core = one.clone()
        core.stac_extensions = []
        core.validate()
