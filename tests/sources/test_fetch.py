"""Windows of assets: the right file, its provenance without secrets, and the cache in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from tests.sources.faults import Faults

from glaciercast import store
from glaciercast.errors import InputError, SourceError
from glaciercast.sources import cog, warp
from glaciercast.sources.access import Reader
from glaciercast.sources.cache import RawCache
from glaciercast.sources.fetch import Fetcher, declared, locate
from glaciercast.sources.http import Client, FetchPolicy
from glaciercast.sources.scene import RawBand

BASE = "https://host.example/stac/collections/c/items/i"


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(Client(FetchPolicy(backoff=0))) as opened:
        yield opened


@pytest.fixture(scope="module")
def landsat(archive) -> list[pystac.Item]:
    paths = sorted((archive / "archive" / "landsat-c2-l2").glob("*/*.json"))
    return [pystac.Item.from_file(str(path)) for path in paths if not path.name.endswith("MTL.json")]


@pytest.fixture
def remote(landsat, files) -> pystac.Item:
    """Return the first scene as an API would give it: its files behind a signed URL."""
    item = landsat[0].clone()
    for asset in item.assets.values():
        asset.href = files.url_of(f"landsat-c2-l2/{item.id}/{asset.href.rsplit('/')[-1]}") + "?se=2030&sig=secret"
    item.set_self_href(f"{files.url}/collections/landsat-c2-l2/items/{item.id}")
    return item


def made(href: str = "a.tif", self_href: str | None = BASE, properties: dict | None = None, **fields) -> pystac.Item:
    item = pystac.Item("i", None, None, pystac.utils.str_to_datetime("2020-01-01T00:00:00Z"), properties or {}, collection="c")
    item.add_asset("data", pystac.Asset(href, extra_fields=fields))
    if self_href:
        item.set_self_href(self_href)
    return item


def middle(path: str) -> tuple[GeoBox, np.ndarray]:
    """Return a grid of 30 × 40 pixels of a file, and its values."""
    with rasterio.open(path) as file:
        grid = GeoBox(file.shape, file.transform, str(file.crs))
        return grid[20:50, 10:50], file.read(1)[20:50, 10:50]


def path_of(item: pystac.Item, asset: str) -> str:
    return item.assets[asset].get_absolute_href()


def test_a_local_window_and_its_facts(landsat, reader, tmp_path):
    grid, values = middle(path_of(landsat[0], "green"))
    fetched = Fetcher(reader, RawCache(tmp_path)).fetch(landsat[0], "green", grid)
    np.testing.assert_array_equal(fetched.band.values, values)
    facts = dict(fetched.facts)
    assert facts.pop("accessed").startswith("20")
    assert facts == {
        "item": landsat[0].id, "collection": "landsat-c2-l2", "asset": "green", "href": path_of(landsat[0], "green"),
        "xxh128": store.checksum(values), "shape": [30, 40],
    }  # fmt: skip
    assert not list(tmp_path.rglob("*.tif"))  # a local file is not copied


def test_a_remote_window_comes_once_and_then_from_the_cache(landsat, remote, reader, files, tmp_path):
    grid, values = middle(path_of(landsat[0], "swir16"))
    fetcher = Fetcher(reader, RawCache(tmp_path))
    assert fetcher.estimate(remote, "swir16", grid) > 0
    fetcher.prefetch(remote, "swir16", grid)
    files.reset()
    first, second = (fetcher.fetch(remote, "swir16", grid) for _ in range(2))
    fetcher.prefetch(remote, "swir16", grid)
    assert fetcher.estimate(remote, "swir16", grid) == 0
    assert files.requests == 0
    np.testing.assert_array_equal(first.band.values, values)
    np.testing.assert_array_equal(second.band.values, values)
    assert first.facts == second.facts
    assert first.band.geobox == second.band.geobox
    plain = Fetcher(reader).fetch(remote, "swir16", grid)
    np.testing.assert_array_equal(plain.band.values, values)
    assert plain.facts | {"accessed": ""} == first.facts | {"accessed": ""}


def test_no_token_is_kept_or_shown(remote, landsat, reader, files, tmp_path):
    grid, _ = middle(path_of(landsat[0], "green"))
    fetched = Fetcher(reader, RawCache(tmp_path)).fetch(remote, "green", grid)
    assert "secret" not in json.dumps(fetched.facts)
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.rglob("*.tif"))
    files.faults = Faults(broken=lambda path: True, broken_how="503")
    with pytest.raises(SourceError) as caught:
        Fetcher(reader).fetch(remote, "red", grid)
    assert "secret" not in str(caught.value)
    assert "SR_B4" in str(caught.value)


def test_a_damaged_or_outdated_entry_is_fetched_anew(remote, landsat, reader, files, tmp_path):
    grid, values = middle(path_of(landsat[0], "green"))
    fetcher = Fetcher(reader, RawCache(tmp_path))
    fetcher.fetch(remote, "green", grid)
    (path,) = tmp_path.rglob("*.tif")
    path.write_bytes(path.read_bytes()[:-100])
    np.testing.assert_array_equal(fetcher.fetch(remote, "green", grid).band.values, values)
    other = remote.clone()
    other.assets["green"].href = remote.assets["red"].href  # the same id and asset, processed anew into another file
    _, red = middle(path_of(landsat[0], "red"))
    np.testing.assert_array_equal(fetcher.fetch(other, "green", grid).band.values, red)


def test_without_a_cache_nothing_is_fetched_in_advance(remote, landsat, reader, files):
    Fetcher(reader).prefetch(remote, "green", middle(path_of(landsat[0], "green"))[0])
    assert files.requests == 0


def test_no_overlap_has_facts_but_no_band(remote, reader, tmp_path):
    far = GeoBox((10, 10), Affine(30, 0, 100, 0, -30, 100), "EPSG:32643")
    fetched = Fetcher(reader, RawCache(tmp_path)).fetch(remote, "green", far)
    assert fetched.band is None
    assert (fetched.facts["xxh128"], fetched.facts["shape"]) == (None, None)
    assert Fetcher(reader).estimate(remote, "green", far) == 0


def test_faults_change_nothing(remote, landsat, reader, files):
    grids = {asset: middle(path_of(landsat[0], asset)) for asset in ("green", "red", "nir08", "swir16", "lwir11", "qa_pixel")}
    files.faults = Faults(rate=0.5, seed=3, kinds=("429", "503", "reset", "truncated", "corrupt"), burst=0)
    with ThreadPoolExecutor(6) as pool:
        found = pool.map(lambda asset: Fetcher(reader).fetch(remote, asset, grids[asset][0]), grids)
    for (asset, (_, values)), fetched in zip(grids.items(), found, strict=True):
        np.testing.assert_array_equal(fetched.band.values, values, err_msg=asset)
    assert sum(files.faults.committed.values()) > 3


def test_a_scene_of_another_zone_lands_on_the_grid(landsat, reader):
    """Reprojected: by the same call that the products make, against GDAL's own bilinear of the whole file."""
    with rasterio.open(path_of(landsat[0], "green")) as file:
        grid, values = GeoBox(file.shape, file.transform, str(file.crs)), file.read(1).astype("float32")
    centre = grid.center_pixel.to_crs("EPSG:32644").extent.centroid.coords[0]
    target = GeoBox((25, 35), Affine(30, 0, centre[0], 0, -30, centre[1]), "EPSG:32644")
    band = Fetcher(reader).fetch(landsat[0], "green", target).band
    assert band.values.size < values.size / 2
    found = warp.onto(band.values.astype("float32"), band.geobox, target, "continuous", 0)
    whole = warp.onto(values, grid, target, "continuous", 0)
    np.testing.assert_allclose(found, whole, rtol=2e-2)
    assert (found > 0).all()


def test_unknown_assets_and_homeless_items_are_named():
    with pytest.raises(InputError, match=r"item i: expected an asset 'date' \(did you mean 'data'\?\), found: data"):
        locate(made(), "date")
    with pytest.raises(InputError, match=r"item i: expected to know where it comes from"):
        locate(made(self_href=None), "data")
    assert locate(made("../x/a.tif"), "data") == "https://host.example/stac/collections/c/x/a.tif"
    assert locate(made("https://other.example/a.tif?sig=1"), "data") == "https://other.example/a.tif?sig=1"


@pytest.mark.parametrize(
    "href", ["file:///etc/passwd", "/vsicurl/http://x", "gs://b/k", "http://127.0.0.1/a.tif", "http://169.254.169.254/x"]
)
def test_an_asset_has_no_business_elsewhere(href):
    with pytest.raises(InputError):
        locate(made(href), "data")


def test_a_local_item_stays_in_its_catalogue(tmp_path):
    item = made("../../../outside.tif", str(tmp_path / "archive" / "c" / "i" / "i.json"))
    item.add_link(pystac.Link("root", str(tmp_path / "archive" / "catalog.json")))
    with pytest.raises(InputError, match=r"points outside of its catalogue"):
        locate(item, "data")
    item.assets["data"].href = "./a.tif"
    assert locate(item, "data") == str(tmp_path / "archive" / "c" / "i" / "a.tif")


def test_packing_as_items_declare_it():
    assert declared(made(), "data") == (None, None, None)
    assert declared(made(**{"raster:bands": [{"scale": 2.75e-5, "offset": -0.2, "nodata": 0}]}), "data") == (2.75e-5, -0.2, 0.0)
    assert declared(made(**{"bands": [{"raster:scale": 0.02, "raster:offset": 0}], "nodata": -9999}), "data") == (0.02, 0.0, -9999.0)
    assert np.isnan(declared(made(**{"raster:bands": [{"nodata": "nan"}]}), "data")[2])
    assert declared(made(**{"raster:bands": []}), "data") == (None, None, None)
    with pytest.raises(SourceError, match=r"item i: asset 'data' declares scale 'much', expected a number"):
        declared(made(**{"raster:bands": [{"scale": "much"}]}), "data")
    with pytest.raises(SourceError, match=r"declares nodata '\[1\]', expected a number"):
        declared(made(**{"raster:bands": [{"nodata": [1]}]}), "data")


def test_packing_of_real_items(real_data):
    folder = real_data("stac_items")
    found = {}
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text())
        if content.get("type") == "Feature":
            item = pystac.Item.from_dict(content)
            found |= {(item.collection_id, key): declared(item, key) for key in item.assets}
    assert found["landsat-c2-l2", "green"] == (2.75e-5, -0.2, 0.0)
    assert found["landsat-c2-l2", "qa_pixel"][2] == 1
    assert any(scale == 0.02 for (_, key), (scale, _, _) in found.items() if key == "LST_Day_1km")


def test_a_file_without_crs_takes_the_one_of_its_item(tmp_path, reader):
    grid = GeoBox((20, 20), Affine(30, 0, 600000, 0, -30, 4000000), "EPSG:32643")
    values = np.arange(400, dtype="uint16").reshape(20, 20)
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", height=20, width=20, count=1, dtype="uint16", transform=grid.affine
    ) as file:
        file.write(values, 1)
    for fields in ({"proj:code": "EPSG:32643"}, {"proj:epsg": 32643}, {"proj:epsg": None, "proj:wkt2": grid.crs.to_wkt()}):
        item = made(self_href=str(tmp_path / "i.json"), properties=fields)
        np.testing.assert_array_equal(Fetcher(reader).fetch(item, "data", grid).band.values, values)
    with pytest.raises(InputError, match=r"a\.tif: has no CRS"):
        Fetcher(reader).fetch(made(self_href=str(tmp_path / "i.json")), "data", grid)


def test_the_whole_address_is_kept_however_long(real_data, landsat, reader):
    """Addresses of Sentinel-2 have 234 characters and differ in their last ones alone."""
    name = "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531.json"
    item = pystac.Item.from_file(str(real_data(f"stac_items/planetary_computer_style/{name}")))
    band = RawBand(np.zeros((1, 1), "uint8"), middle(path_of(landsat[0], "green"))[0][:1, :1], None, None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cog, "read", lambda *_, **__: band)
        kept = [Fetcher(reader).fetch(item, key, band.geobox).facts["href"] for key in ("B03", "B04")]
    assert [len(href) for href in kept] == [234, 234]
    assert [href.rpartition("/")[2] for href in kept] == ["T06VVN_20190629T212529_B03_10m.tif", "T06VVN_20190629T212529_B04_10m.tif"]
