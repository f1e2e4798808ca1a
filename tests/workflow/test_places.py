"""From a box or an outline to a site: its box holds the outline, its buffer, the lake and stable ground."""

import geopandas
import pytest
import shapely

from glaciercast import grid, sites
from glaciercast.errors import ConfigError, InputError
from glaciercast.sources import outlines
from glaciercast.workflow import places

UTM = "EPSG:32643"
SQUARE = shapely.box(500_000, 4_000_000, 502_000, 4_001_000)


@pytest.fixture(autouse=True)
def own_sites(tmp_path, monkeypatch):
    monkeypatch.setenv("GLACIERCAST_SITES", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def inventory(tmp_path):
    keys = {"rgi_id": ["RGI2000-v7.0-G-14-00001", "RGI2000-v7.0-G-14-00002"], "glac_name": ["Great Ice", None], "area_km2": [2.0, 1.0]}
    shapes = [SQUARE, shapely.box(510_000, 4_000_000, 511_000, 4_001_000)]
    path = tmp_path / "inventory.shp"
    geopandas.GeoDataFrame(keys, geometry=shapes, crs=UTM).to_file(path, engine="pyogrio")
    return path


def plane_bounds(box):
    return outlines.to_crs(shapely.box(*box), "EPSG:4326", UTM).bounds


def test_a_glacier_by_its_id(inventory, own_sites):
    made = places.add_site("great", rgi_id="RGI2000-v7.0-G-14-00001", source=inventory, buffer=500)
    assert made["title"] == "Great Ice" and made["crs"] == UTM and made["buffer"] == 500 and made["area_km2"] == 2.0
    assert made["file"] == str(own_sites / "great.yml") and made["grid"].endswith("30×30 m in EPSG:32643") and not made["polar_night"]
    west, south, east, north = plane_bounds(made["box"])
    assert (west, south, east, north) == pytest.approx((498_500, 3_998_500, 503_500, 4_002_500), abs=20)  # buffer and 1 km around
    found = sites.find("great")
    kept = outlines.read(found.outline)
    assert kept.rgi_id == "RGI2000-v7.0-G-14-00001"
    assert outlines.to_crs(kept.geometry, "EPSG:4326", UTM).symmetric_difference(SQUARE).area < 100
    ice = outlines.rasterise(kept.geometry, grid.make(found.grid))
    assert ice.sum() * 900 == pytest.approx(2e6, rel=0.01)
    assert found.outline_box == pytest.approx(kept.geometry.bounds, abs=1e-6)


def test_a_glacier_by_its_name_and_by_its_file(inventory):
    by_name = places.add_site("named", glacier="great ice", source=inventory, title="My ice", country="Pakistan")
    assert (by_name["title"], by_name["country"], by_name["rgi_id"]) == ("My ice", "Pakistan", "RGI2000-v7.0-G-14-00001")
    both = places.add_site("both", outline=inventory)
    assert both["title"] == "2 glaciers" and both["rgi_id"] is None
    assert plane_bounds(both["box"])[2] == pytest.approx(512_000, abs=20)


def test_the_box_holds_the_lake(inventory):
    (lon, lat) = outlines.to_crs(shapely.Point(500_500, 4_005_000), UTM, "EPSG:4326").coords[0]
    made = places.add_site("lake", glacier="great ice", source=inventory, lake=(lon, lat, 2600.0))
    assert plane_bounds(made["box"])[3] == pytest.approx(4_006_000, abs=20) and made["lake"] == [lon, lat, 2600.0]


def test_a_box_is_taken_as_it_is_with_the_outlines_that_meet_it(inventory):
    made = places.add_site("boxed", box=(20.0, 69.9, 20.3, 70.0))
    assert made["box"] == [20.0, 69.9, 20.3, 70.0] and made["crs"] == "EPSG:32634" and made["polar_night"] and made["outline"] is None
    west, south, east, north = outlines.to_crs(SQUARE, UTM, "EPSG:4326").bounds
    basin = places.add_site("basin", box=(west, south, east, north), source=inventory)
    assert basin["rgi_id"] == "RGI2000-v7.0-G-14-00001" and basin["box"] == pytest.approx([west, south, east, north])


@pytest.mark.parametrize(("choice", "dark"), [("auto", True), ("yes", True), ("no", False)])
def test_the_polar_night_is_worked_out_unless_told(choice, dark):
    assert places.add_site("north", box=(20.0, 69.9, 20.3, 70.0), polar_night=choice)["polar_night"] is dark


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "expected one of box, outline, RGI id and glacier's name, found none"),
        ({"box": (1, 2, 1.1, 2.1), "outline": "x.shp"}, "found box and outline"),
        ({"rgi_id": "RGI2000-v7.0-G-14-00001"}, r"expected the inventory in which to look .* \(--from FILE or URL\), found none"),
        ({"outline": "missing.shp"}, r"missing\.shp: no such file"),
        ({"box": (179.9, 2, -179.9, 2.1)}, "crosses the date line"),
        ({"box": (10, 2, 13, 2.1)}, "expected at most 200 km a side"),
        ({"box": (1, 2, 1.1, 2.1), "buffer": -5}, "key 'buffer': .*greater than or equal to 0"),
        ({"box": (1, 2, 1.1, 2.1), "resolution": 0}, "key 'resolution': .*greater than 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_writes_nothing(options, message, own_sites):
    with pytest.raises((InputError, ConfigError), match=message) as error:
        places.add_site("mine", **options)
    assert "\n" not in str(error.value) and not own_sites.exists()


def test_an_outline_over_the_date_line_is_refused(tmp_path):
    path = tmp_path / "wide.geojson"
    shapes = [shapely.box(179.9, 66, 180, 66.1), shapely.box(-180, 66, -179.9, 66.1)]
    geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:4326").to_file(path, engine="pyogrio")
    with pytest.raises(InputError, match=r"wide\.geojson: the outline crosses the date line"):
        places.add_site("wide", outline=path)


def test_a_taken_name_is_refused_before_anything_is_read(inventory):
    places.add_site("great", glacier="great ice", source=inventory)
    with pytest.raises(InputError, match="exists already"):
        places.add_site("great", outline="missing.shp")
    assert places.add_site("great", box=(74.5, 36.3, 74.7, 36.5), replace=True)["title"] == "great"
    with pytest.raises(InputError, match="is a built-in site"):
        places.add_site("shisper", outline="missing.shp", replace=True)
