"""A user's own glacier: the zone by the grid's definition, the polar night, what is kept and what is refused."""

import pytest
import yaml
from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info

from glaciercast import sites
from glaciercast.errors import ConfigError, InputError
from glaciercast.sites.model import Site


def site(**changes):
    return Site(**{"name": "mine", "title": "Mine", "box": (74.5, 36.3, 74.7, 36.5), "crs": "EPSG:32643", **changes})


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (77.7, 32.1, 32643), (74.6, 36.4, 32643), (8.05, 46.5, 32632), (-38.3, 66.4, 32624), (-49.5, 69.1, 32622),
        (-180, 10, 32601), (179.99, 10, 32660), (180, 10, 32660), (0, 0, 32631), (6, 0, 32632),
        (-73.2, -49.3, 32718), (170.1, -43.6, 32759),
        (5.5, 61.7, 32632), (2.9, 61.7, 32631), (5.5, 55.9, 32631), (5.5, 64.0, 32631),  # south-west Norway
        (8.9, 78.0, 32631), (9.0, 78.0, 32633), (16.0, 78.0, 32633), (21.0, 78.0, 32635), (33.0, 78.0, 32637), (42.0, 78.0, 32638),
        (16.0, 71.9, 32633), (7.5, 71.9, 32632), (-20.0, 80.0, 32627),
        (-40.0, 83.9, 32624), (-40.0, 84.0, 3413), (-120.0, -80.0, 32711), (-120.0, -80.1, 3031),
    ],
)  # fmt: skip
def test_the_zone_is_that_of_the_grid(lon, lat, code):
    assert sites.zone(lon, lat) == f"EPSG:{code}"


def test_zones_agree_with_the_registry_of_their_areas():
    for lon, lat in ((-177, -60.0), (-69, -10.0), (-3, 10.0), (75, 50.0), (141, 70.0)):
        known = query_utm_crs_info("WGS 84", AreaOfInterest(lon - 0.1, lat, lon + 0.1, lat + 0.1), contains=True)
        assert sites.zone(lon, lat) in {f"EPSG:{info.code}" for info in known}
    assert CRS(sites.zone(-40, 84.5)).name == "WGS 84 / NSIDC Sea Ice Polar Stereographic North"


@pytest.mark.parametrize(
    ("lat", "dark"), [(66.4, True), (69.1, True), (52.6, True), (52.5, False), (46.5, False), (-75.0, True), (0.0, False)]
)
def test_the_polar_night_begins_where_noon_in_midwinter_is_below_14_degrees(lat, dark):
    assert sites.polar_night(lat) is dark


def test_built_in_sites_have_the_zone_and_the_night_that_would_be_chosen():
    for name in sites.built_in():
        found = sites.find(name)
        lon, lat = (found.box[0] + found.box[2]) / 2, (found.box[1] + found.box[3]) / 2
        assert (sites.zone(lon, lat), sites.polar_night(lat)) == (found.crs, found.polar_night)
        sites.check_extent(found.box)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((179.5, 60, -179.5, 61), "crosses the date line; expected a box on one side of it"),
        ((10, 45, 13, 46), r"237 km by 111 km; expected at most 200 km a side"),
        ((10, 45, 10.1, 47), r"8 km by 222 km; expected at most 200 km a side"),
        ((-1, -0.1, 1, 0.1), r"223 km by 22 km"),
        ((11, 45, 10, 46), "lon min < lon max"),
        ((10, 46, 11, 45), "lon min < lon max"),
    ],
)
def test_boxes_that_suit_no_grid_are_refused(box, message):
    with pytest.raises(InputError, match=message) as error:
        sites.check_extent(box)
    assert "\n" not in str(error.value)


def test_a_site_that_is_kept_is_found(own_sites):
    path = sites.add(
        site(rgi_id="RGI2000-v7.0-G-14-00001", lake=(74.6, 36.4, 2600.0), buffer=200.0), {"type": "FeatureCollection", "features": []}
    )
    assert path == own_sites / "mine.yml" and (own_sites / "mine.geojson").is_file()
    found = sites.find("Mine")
    assert found.outline == str(own_sites / "mine.geojson") and found.lake == (74.6, 36.4, 2600) and found.buffer == 200
    assert sites.find("rgi2000-v7.0-g-14-00001") == found and found in sites.within((74.6, 36.4, 74.65, 36.45))
    assert sites.names() == sorted([*sites.built_in(), "mine"]) and sites.folder() == own_sites
    assert yaml.safe_load(path.read_text()).keys() == {"name", "title", "box", "crs", "rgi_id", "outline", "buffer", "lake"}
    assert not [left for left in own_sites.iterdir() if left.suffix == ".partial"]


def test_a_site_is_replaced_only_when_asked(own_sites):
    sites.add(site(), {"type": "FeatureCollection", "features": []})
    with pytest.raises(InputError, match=r"site 'mine': exists already as .*mine\.yml; replace it with --replace"):
        sites.add(site(title="Other"))
    sites.add(site(title="Other"), replace=True)
    assert sites.find("mine").title == "Other" and sites.find("mine").outline is None
    assert not (own_sites / "mine.geojson").exists()


def test_built_in_names_are_taken(own_sites):
    with pytest.raises(InputError, match="site 'shisper': is a built-in site"):
        sites.add(site(name="shisper"), replace=True)
    own_sites.mkdir()
    (own_sites / "shisper.yml").write_text("name: shisper\n")
    with pytest.raises(InputError, match=r"shisper\.yml: 'shisper' is a built-in site; give yours another name"):
        sites.find("parvati")


def test_a_file_that_cannot_be_used_is_named_and_does_not_hide_other_sites(own_sites):
    own_sites.mkdir()
    (own_sites / "broken.yml").write_text("name: broken\ncolour: blue\n")
    assert sites.find("parvati").name == "parvati"
    with pytest.raises(ConfigError, match=r"broken\.yml: unknown key 'colour'|broken\.yml: key 'title' is missing"):
        sites.find("broken")
    (own_sites / "broken.yml").write_text("name: other\ntitle: x\nbox: [1, 2, 3, 4]\ncrs: EPSG:32631\n")
    with pytest.raises(InputError, match=r"expected name: broken as the file is called, found other"):
        sites.find("broken")


def test_without_the_variable_sites_are_in_the_users_config_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GLACIERCAST_SITES")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert sites.folder() == tmp_path / ".config" / "glaciercast" / "sites"


def test_landsats_lattice_is_chosen_at_30_m_unless_told_otherwise():
    assert site().grid.anchor == "centre" and site(resolution=20).grid.anchor == "edge"
    assert site(anchor="edge").grid.anchor == "edge" and site(resolution=120, anchor="centre").grid.anchor == "centre"
