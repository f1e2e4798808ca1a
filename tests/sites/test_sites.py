"""The built-in glaciers and how they are found."""

import pytest

from glaciercast import sites
from glaciercast.errors import InputError


def test_the_sites_of_both_studies_are_there():
    assert sites.built_in() == ["aletsch", "helheim", "jakobshavn", "parvati", "shisper"]


def test_zones_and_boxes_are_those_of_the_studies():
    zones = {name: sites.find(name).crs for name in sites.built_in()}
    assert zones == {
        "aletsch": "EPSG:32632",
        "helheim": "EPSG:32624",
        "jakobshavn": "EPSG:32622",
        "parvati": "EPSG:32643",
        "shisper": "EPSG:32643",
    }
    assert sites.find("parvati").box == (77.4879532598204, 31.992646374004327, 77.82063300835557, 32.225292222190056)


def test_shisper_holds_its_outline_and_its_lake():
    shisper = sites.find("Shisper")
    lon, lat, height = shisper.lake
    assert (lon, lat, height) == (74.572267, 36.35594, 2605)
    assert shisper.box[0] < lon < shisper.box[2] and shisper.box[1] < lat < shisper.box[3]
    assert shisper.buffer == 1500  # the surge went beyond the inventory's outline
    assert shisper.box[0] < shisper.outline_box[0] and shisper.outline_box[2] < shisper.box[2]


def test_look_up_by_rgi_id_and_by_box():
    assert sites.find("rgi60-11.01450").name == "aletsch"
    assert [site.name for site in sites.within((7.0, 46.0, 8.5, 47.0))] == ["aletsch"]
    assert sites.within((0, 0, 1, 1)) == []


def test_an_unknown_name_suggests_the_one_that_was_meant():
    with pytest.raises(InputError, match=r"unknown site 'shispar' \(did you mean 'shisper'\?\)"):
        sites.find("shispar")


def test_swapped_coordinates_are_refused():
    with pytest.raises(InputError, match="lon min < lon max"):
        sites.within((36.5, 74.5, 36.3, 74.7))
