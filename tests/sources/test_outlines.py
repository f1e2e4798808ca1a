"""Outlines by value: the right glacier, its area, its pixels, its buffer; unsafe or ambiguous files are refused in one line."""

import json
import zipfile

import geopandas
import numpy as np
import pytest
import shapely
from odc.geo.geobox import GeoBox

from glaciercast.errors import InputError
from glaciercast.sources import outline_files, outlines
from glaciercast.sources.access import Reader

UTM = "EPSG:32643"
SQUARE = shapely.box(500_000, 4_000_000, 502_000, 4_001_000)  # 2 km by 1 km on the central meridian


def frame(**columns):
    """Return two glaciers with the attributes of RGI 7, in UTM."""
    data = {
        "rgi_id": ["RGI2000-v7.0-G-14-00001", "RGI2000-v7.0-G-14-00002"], "glac_name": ["Great Ice", None], "area_km2": [2.0, 1.0],
        "surge_type": [3, 0], **columns,
    }  # fmt: skip
    return geopandas.GeoDataFrame(data, geometry=[SQUARE, shapely.box(510_000, 4_000_000, 511_000, 4_001_000)], crs=UTM)


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "inventory.gpkg"
    frame().to_file(path, engine="pyogrio")
    return path


def in_plane(geometry):
    return outlines.to_crs(geometry, "EPSG:4326", UTM)


@pytest.mark.parametrize("ending", ["shp", "gpkg", "geojson", "zip"])
def test_all_formats_give_the_same_glacier(ending, tmp_path):
    path = tmp_path / f"inventory.{ending}"
    if ending == "zip":
        frame().to_file(tmp_path / "inside.shp", engine="pyogrio")
        with zipfile.ZipFile(path, "w") as archive:
            for part in sorted(tmp_path.glob("inside.*")):
                archive.write(part, f"RGI/14/{part.name}")
            archive.writestr("RGI/readme.html", "<p>")
    else:
        (frame().to_crs("EPSG:4326") if ending == "geojson" else frame()).to_file(path, engine="pyogrio")
    found = outlines.read(path, name="great ice")
    assert (found.name, found.rgi_id, found.area_km2, found.surge_type) == ("Great Ice", "RGI2000-v7.0-G-14-00001", 2.0, 3)
    assert in_plane(found.geometry).symmetric_difference(SQUARE).area < 1  # of 2,000,000 m²
    assert found.source == str(path) and found.attribution.startswith("Randolph Glacier Inventory")


def test_by_id_by_box_and_all(inventory):
    second = outlines.read(inventory, rgi_id="rgi2000-v7.0-g-14-00002")
    assert second.area_km2 == 1.0 and second.name == "" and second.surge_type == 0
    west, south, east, north = outlines.to_crs(SQUARE, UTM, "EPSG:4326").bounds
    assert outlines.read(inventory, box=(west, south, east, north)).rgi_id == "RGI2000-v7.0-G-14-00001"
    both = outlines.read(inventory)
    assert (both.name, both.rgi_id, both.area_km2, both.surge_type) == ("2 glaciers", None, 3.0, None)
    assert in_plane(both.geometry).area == pytest.approx(3e6, rel=1e-6)


def test_what_is_not_there_or_not_unique_is_told(inventory, tmp_path):
    with pytest.raises(InputError, match=r"no glacier 'Great Icy' among 2 \(did you mean 'Great Ice'\?\)"):
        outlines.read(inventory, name="Great Icy")
    with pytest.raises(InputError, match=r"no glacier 'RGI2000-v7.0-G-14-9' among 2"):
        outlines.read(inventory, rgi_id="RGI2000-v7.0-G-14-9")
    with pytest.raises(InputError, match="no outline in box 0,0,1,1"):
        outlines.read(inventory, box=(0, 0, 1, 1))
    frame(glac_name=["North Ice", "South Ice"]).to_file(tmp_path / "twins.gpkg", engine="pyogrio")
    with pytest.raises(InputError, match=r"2 glaciers match 'ice': North Ice \(RGI2000-v7.0-G-14-00001\), South Ice .*; give the RGI id"):
        outlines.read(tmp_path / "twins.gpkg", name="ice")
    assert outlines.read(tmp_path / "twins.gpkg", name="south").rgi_id == "RGI2000-v7.0-G-14-00002"


def test_names_of_older_inventories(real_data):
    found = outlines.read(real_data("shisper_chhota_shigri/RGI50-14.15990.shp"), name="chhota shigri")
    assert found.rgi_id == "RGI50-14.15990" and found.area_km2 == pytest.approx(16.764)
    assert outlines.to_crs(found.geometry, "EPSG:4326", UTM).area / 1e6 == pytest.approx(16.764, rel=0.005)  # UTM stretches by 2 · 0.1 %


def test_a_file_without_attributes_gets_its_area_from_the_ellipsoid(tmp_path):
    path = tmp_path / "mine.geojson"
    geopandas.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:4326").to_file(path, engine="pyogrio")
    found = outlines.read(path)
    assert found.area_km2 == pytest.approx(12_308.778, abs=0.01)  # a degree square at the equator, WGS 84 (Karney 2013)
    assert (found.name, found.rgi_id, found.surge_type, found.attribution) == ("", None, None, "")
    with pytest.raises(InputError, match="has no attribute glac_name or name; give a box"):
        outlines.read(path, name="x")


def test_a_file_without_crs_is_refused(tmp_path):
    frame().to_file(tmp_path / "bare.shp", engine="pyogrio")
    (tmp_path / "bare.prj").unlink()
    with pytest.raises(InputError, match=r"bare\.shp: has no CRS"):
        outlines.read(tmp_path / "bare.shp")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.geojson", b"{not json", "cannot be read"),
        ("a.shp", b"\x00", "cannot be read"),
        ("a.txt", b"", r"expected a shapefile, GeoPackage, GeoJSON or a zip archive of one, found '\.txt'"),
        ("a.zip", b"PK", "not a usable zip archive"),
    ],
)
def test_damaged_files_are_one_line(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        outlines.read(tmp_path / name)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_lines_and_points_are_no_outlines(tmp_path):
    geopandas.GeoDataFrame(geometry=[shapely.Point(1, 2)], crs="EPSG:4326").to_file(tmp_path / "a.geojson", engine="pyogrio")
    with pytest.raises(InputError, match="expected polygons, found other geometries"):
        outlines.read(tmp_path / "a.geojson")


def test_an_archive_writes_nowhere_else(tmp_path):
    frame().to_file(tmp_path / "inside.gpkg", engine="pyogrio")
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "inside.gpkg", "../../../../tmp/ct-escaped/inside.gpkg")
        archive.writestr("/etc/escaped.prj", "x")
    assert outlines.read(path, name="great ice").area_km2 == 2.0
    assert sorted(tmp_path.iterdir()) == sorted([path, tmp_path / "inside.gpkg"])


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.geojson", b" " * 10_000_000)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(outline_files, "LARGEST", 5_000_000)
    with pytest.raises(InputError, match=r"bomb\.zip: unpacks to more than 0\.005 GB"):
        outlines.read(path)


def test_an_archive_of_several_files_is_refused(tmp_path):
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.geojson", "{}")
        archive.writestr("b/b.geojson", "{}")
    with pytest.raises(InputError, match=r"expected one shapefile, GeoPackage or GeoJSON, found a\.geojson, b\.geojson"):
        outlines.read(path)


def test_a_buffer_is_measured_in_metres(inventory):
    found = outlines.read(inventory, name="great ice")
    wider = in_plane(outlines.buffered(found, 1500, UTM))
    assert wider.area == pytest.approx(2e6 + 6000 * 1500 + np.pi * 1500**2, rel=1e-3)  # the square, its sides and four quarters of a disc
    assert wider.bounds == pytest.approx((498_500, 3_998_500, 503_500, 4_002_500), abs=0.1)
    assert outlines.buffered(found, 0, UTM) is found.geometry


def test_pixels_are_those_whose_centres_lie_inside(inventory):
    grid = GeoBox.from_bbox((499_700, 3_999_700, 502_300, 4_001_300), UTM, resolution=100)
    inside = outlines.rasterise(outlines.read(inventory, name="great ice").geometry, grid)
    assert inside.shape == (16, 26) and inside.dtype == bool
    assert inside[3:13, 3:23].all() and inside.sum() == 10 * 20
    moved = GeoBox.from_bbox((499_760, 3_999_760, 502_160, 4_001_160), UTM, resolution=100, anchor="floating")
    inside = outlines.rasterise(outlines.read(inventory, name="great ice").geometry, moved)
    rows, columns = np.nonzero(inside)
    x, y = moved.affine * (columns + 0.5, rows + 0.5)
    assert (x > 500_000).all() and (x < 502_000).all() and (y > 4_000_000).all() and (y < 4_001_000).all() and inside.sum() == 200
    far = GeoBox.from_bbox((600_000, 3_900_000, 601_000, 3_901_000), UTM, resolution=100)
    assert not outlines.rasterise(outlines.read(inventory).geometry, far).any()


def test_the_simulated_outline_agrees_with_the_ice_it_was_drawn_from(archive):
    import xarray as xr

    from glaciercast import grid

    found = outlines.read(archive / "archive" / "outlines")
    with xr.open_dataset(archive / "truth" / "world.nc", decode_coords="all") as world:
        ice, geobox = world["ice"].values.astype(bool), grid.of(world, "world")
    inside = outlines.rasterise(found.geometry, geobox)
    assert (inside & ice).sum() / (inside | ice).sum() > 0.95  # the outline is simplified by 0.8 pixels
    assert found.area_km2 == pytest.approx(ice.sum() * 900 / 1e6, rel=0.03)


def test_what_is_written_is_read_again(inventory, tmp_path):
    found = outlines.read(inventory, name="great ice")
    (tmp_path / "kept.geojson").write_text(json.dumps(outlines.as_geojson(found)))
    again = outlines.read(tmp_path / "kept.geojson")
    assert (again.name, again.rgi_id, again.area_km2, again.surge_type) == (found.name, found.rgi_id, found.area_km2, found.surge_type)
    assert in_plane(again.geometry).symmetric_difference(SQUARE).area < 100


def test_an_outline_is_downloaded(inventory):
    from tests.sources.servers import serve

    with serve(inventory.parent) as server, Reader() as reader:
        found = outlines.read(f"{server.url_of(inventory)}?token=secret", name="great ice", reader=reader)
        assert found.area_km2 == 2.0 and found.source == server.url_of(inventory)
        assert outlines.read(server.url_of(inventory), name="great ice").geometry.equals(found.geometry)
        assert server.requests == 2


def test_a_token_goes_to_its_own_servers_only(monkeypatch, inventory):
    seen = []

    class Spy:
        def __init__(self, bearer=None):
            seen.append(bearer)

    class Fake:
        def __init__(self, client):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, url):
            return inventory.read_bytes()

    monkeypatch.setenv("EARTHDATA_TOKEN", "secret")
    monkeypatch.setattr("glaciercast.sources.http.Client", Spy)
    monkeypatch.setattr("glaciercast.sources.access.Reader", Fake)
    for host in ("daacdata.apps.nsidc.org", "example.org", "evil-nsidc.org"):
        outlines.read(f"https://{host}/a.gpkg", name="great ice")
    assert seen == [{"daacdata.apps.nsidc.org": "secret"}, None, None]
    assert outlines.REGION_URL.format(region=14, name="south_asia_west").endswith("/RGI2000-v7.0-G-14_south_asia_west.zip")


def test_a_file_that_leads_to_others_is_refused(tmp_path):
    """GDAL goes by the content: a virtual layer under the name of a GeoJSON would read any file and any server."""
    frame().to_crs("EPSG:4326").to_file(tmp_path / "inside.geojson", engine="pyogrio")
    source = f"<SrcDataSource>{tmp_path}/inside.geojson</SrcDataSource>"
    path = tmp_path / "virtual.geojson"
    path.write_text(f'<OGRVRTDataSource><OGRVRTLayer name="inside">{source}</OGRVRTLayer></OGRVRTDataSource>')
    with pytest.raises(InputError, match=r"virtual\.geojson: cannot be read: its content is not that of a \.geojson file"):
        outlines.read(path)


def test_attributes_of_a_users_own_file_are_not_taken_for_the_inventorys(tmp_path):
    own = frame(area=[2e6, 1e6], surging=["yes", "no"]).drop(columns=["rgi_id", "area_km2", "surge_type"])
    own.to_crs("EPSG:4326").to_file(tmp_path / "own.geojson", engine="pyogrio")
    found = outlines.read(tmp_path / "own.geojson", name="Great Ice")
    assert found.area_km2 == pytest.approx(2.0, rel=2e-3)  # a column in m² is no number of km²; UTM's scale is 0.9996
    assert found.surge_type is None
