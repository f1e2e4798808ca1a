"""Search finds exactly what meets box and period, in files and on a server, and an empty answer tells why."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.sources.faults import Faults

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import fetch, stac, stac_api, stac_items
from glaciercast.sources.access import Reader
from glaciercast.sources.http import Client
from glaciercast.sources.signing import SasSigner

BOX = (74.5, 36.38, 74.7, 36.46)
COLLECTIONS = ["cop-dem-glo-30", "itslive-cubes", "landsat-c2-l2", "modis-11A1-061", "modis-11A2-061", "sentinel-2-l2a"]
API = "https://stac.example/v1"


def patient():
    """Return a reader that does not wait between its tries."""
    return Reader(Client(sleep=lambda _: None, seed=0))


def on_disk(archive, collection):
    """Return what a collection holds, read straight from its files."""
    paths = [path for path in (archive / "archive" / collection).glob("*/*.json") if path.stem == path.parent.name]
    return [json.loads(path.read_text()) for path in paths]


def times(document):
    """Return start and end of an item's JSON, UTC."""
    found = document["properties"]
    values = [found["datetime"]] * 2 if found.get("datetime") else [found["start_datetime"], found["end_datetime"]]
    return [pd.Timestamp(value).tz_convert(None) for value in values]


def made(item_id="A", date="2020-07-04T05:00:00Z", box=(10, 45, 11, 46), collection="ice", **changes):
    """Return the JSON of an item."""
    w, s, e, n = box
    ring = [[w, s], [e, s], [e, n], [w, n], [w, s]]
    properties = date if isinstance(date, dict) else {"datetime": date}
    base = {
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": item_id, "collection": collection, "bbox": list(box),
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties, "links": [],
        "assets": {"data": {"href": "./a.tif"}},
    }  # fmt: skip
    return {**base, **changes}


def landing(*methods):
    """Return the first document of an API."""
    links = [{"rel": "search", "href": f"{API}/search", **({"method": method} if method else {})} for method in methods]
    conformity = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]
    return {"type": "Catalog", "id": "x", "stac_version": "1.0.0", "description": "x", "conformsTo": conformity, "links": links}


class Scripted:
    """Stands for a server: answers by URL, in turn where there are several, and remembers what it was asked."""

    def __init__(self, answers):
        self.answers, self.asked, self.client = answers, [], self

    def read(self, url):
        self.asked.append(("GET", url, None))
        return self._answer(url)

    def post(self, url, body):
        self.asked.append(("POST", url, body))
        return self._answer(url)

    def _answer(self, url):
        answer = self.answers[url]
        answer = answer.pop(0) if isinstance(answer, list) else answer
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def pages(*documents):
    """Return pages that hold these lists of items, each with a POST link to the next one."""
    found = [{"type": "FeatureCollection", "features": list(features), "links": []} for features in documents]
    for number, page in enumerate(found[:-1]):
        page["links"] = [{"rel": "next", "href": f"{API}/search", "method": "POST", "body": {"token": number}, "merge": True}]
    return found


def server(*found, methods=("POST",)):
    """Return a catalogue over a scripted API that gives these pages, and the script."""
    collections = {"collections": [{"id": "ice"}, {"id": "rock"}], "links": []}
    script = Scripted({API: landing(*methods), f"{API}/search": list(found), f"{API}/collections": collections})
    return stac.Catalogue(API, script), script


@pytest.fixture(scope="module")
def static(archive):
    with Reader() as reader:
        yield stac.Catalogue(str(archive / "archive"), reader)


def static_in(folder, *items, links=None):
    """Write a static catalogue of one collection and return it."""
    (folder / "ice").mkdir(parents=True, exist_ok=True)
    for item in items:
        (folder / "ice" / f"{item['id']}.json").write_text(json.dumps(item))
    item_links = links or [{"rel": "item", "href": f"./{item['id']}.json"} for item in items]
    root = {"type": "Catalog", "id": "root", "stac_version": "1.0.0", "links": [{"rel": "child", "href": "./ice/collection.json"}]}
    (folder / "catalog.json").write_text(json.dumps(root))
    (folder / "ice" / "collection.json").write_text(json.dumps({"type": "Collection", "id": "ice", "links": item_links}))
    return stac.Catalogue(str(folder), Reader())


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_files_a_web_folder_and_a_server_hold_the_same(collection, archive, static, files, api):
    expected = sorted(document["id"] for document in on_disk(archive, collection))
    with patient() as reader:
        for catalogue in (static, stac.Catalogue(files.files + "catalog.json", reader), stac.Catalogue(api.url, reader)):
            found = catalogue.search(collection, BOX, "2000", "2025")
            assert sorted(item.id for item in found) == expected
            assert [item.id for item in found] == [item.id for item in sorted(found, key=lambda item: (stac.span(item)[0], item.id))]
            assert all(item.collection_id == collection for item in found)
            assert catalogue.collections() == COLLECTIONS


def test_items_know_where_they_are_from(archive, static, api):
    item = static.search("landsat-c2-l2", BOX, "2000", "2025")[0]
    path = archive / "archive" / "landsat-c2-l2" / item.id / f"{item.id}.json"
    assert item.get_self_href() == str(path)
    assert item.get_single_link("root").target == static.root == str(archive / "archive" / "catalog.json")
    assert Path(fetch.locate(item, "green")).is_file()
    with patient() as reader:
        served = stac.Catalogue(api.url, reader).search("landsat-c2-l2", BOX, "2000", "2025")[0]
    assert served.get_single_link("root") is None
    assert served.get_self_href() == f"{api.url}collections/landsat-c2-l2/items/{served.id}"
    assert fetch.locate(served, "green").startswith(api.server.files)


def test_tiles_are_told_apart_by_the_edge_that_cuts_through_the_glacier(static):
    west, east = (
        static.search("modis-11A2-061", box, "2000", "2025") for box in ((74.5, 36.41, 74.55, 36.43), (74.65, 36.41, 74.7, 36.43))
    )
    assert {item.id[17:23] for item in west} == {"h23v05"} and {item.id[17:23] for item in east} == {"h24v05"}


@pytest.mark.parametrize("collection", ["landsat-c2-l2", "modis-11A2-061"])
def test_the_period_holds_both_its_ends_and_periods_that_reach_into_it(collection, archive, static, api):
    documents = on_disk(archive, collection)
    starts = sorted(times(document)[0] for document in documents)
    first, last = (starts[len(starts) * part // 3].normalize() + pd.Timedelta(days=2) for part in (1, 2))  # inside of 8-day periods
    last += pd.Timedelta("23:59:59.999999999")
    expected = {document["id"] for document in documents if times(document)[0] <= last and times(document)[1] >= first}
    assert 0 < len(expected) < len(documents)
    with patient() as reader:
        for catalogue in (static, stac.Catalogue(api.url, reader)):
            assert {item.id for item in catalogue.search(collection, BOX, f"{first:%F}", f"{last:%F}")} == expected
    if collection.startswith("modis"):
        assert any(times(document)[0] < first for document in documents if document["id"] in expected)  # an 8-day period across the start


@pytest.mark.parametrize(
    ("end", "found"),
    [("2020-07-04", True), ("2020-07-03", False), ("2020-07", True), ("2020", True), (pd.Timestamp("2020-07-04"), False)],
)
def test_a_date_stands_for_the_whole_of_it_and_an_instant_for_itself(end, found, tmp_path):
    catalogue = static_in(tmp_path, made("A", "2020-07-04T05:00:00Z"))
    if found:
        assert len(catalogue.search("ice", (10, 45, 11, 46), "2020-01-01", end)) == 1
    else:
        with pytest.raises(InputError, match=r"in any period 1 \(2020-07-04 … 2020-07-04\)"):
            catalogue.search("ice", (10, 45, 11, 46), "2020-01-01", end)


def test_many_pages_are_read_through_faults_as_without(api, monkeypatch):
    monkeypatch.setattr(stac_api, "PAGE", 3)
    with patient() as reader:
        plain = stac.Catalogue(api.url, reader).search("modis-11A2-061", BOX, "2000", "2025")
        requests = reader.stats.requests
    assert requests > len(plain) // 3
    api.server.faults = Faults(rate=0.2, seed=1, kinds=("429", "503", "reset", "truncated"))
    with patient() as reader:
        faulty = stac.Catalogue(api.url, reader).search("modis-11A2-061", BOX, "2000", "2025")
    assert [item.to_dict() for item in faulty] == [item.to_dict() for item in plain]
    assert sum(api.server.faults.committed.values()) > 0


def test_only_collection_box_and_period_are_asked_of_a_server():
    catalogue, script = server(*pages([made("A"), made("B")]))
    found = catalogue.search("ice", (10, 45, 11, 46), "2020-07-01", "2020-07-31", keep=lambda item: item.id == "B", words="id B")
    assert [item.id for item in found] == ["B"]
    assert script.asked[1] == (
        "POST", f"{API}/search",
        {"limit": 100, "bbox": (10, 45, 11, 46), "datetime": "2020-07-01T00:00:00Z/2020-08-01T00:00:00Z", "collections": ("ice",)},
    )  # fmt: skip


def test_what_a_careless_server_adds_is_dropped():
    elsewhere, later = made("far", box=(20, 45, 21, 46)), made("late", "2021-01-01T00:00:00Z")
    catalogue, _ = server(*pages([made("B"), made("A"), elsewhere, later, made("other", collection="rock")], [made("A"), made("C")]))
    assert [item.id for item in catalogue.search("ice", (10, 45, 11, 46), "2020-07-01", "2020-07-31")] == ["A", "B", "C"]


def test_geometry_counts_and_not_its_box():
    corner = {"type": "Polygon", "coordinates": [[[10, 45], [11, 45], [10, 46], [10, 45]]]}
    catalogue, _ = server(*pages([made("triangle", geometry=corner), made("whole")]))
    assert [item.id for item in catalogue.search("ice", (10.8, 45.8, 10.9, 45.9), "2020", "2020")] == ["whole"]


def test_an_item_without_geometry_is_placed_by_its_box():
    catalogue, _ = server(*pages([made("boxed", geometry=None), made("tall", geometry=None, bbox=[10, 45, 0, 11, 46, 900])]))
    assert [item.id for item in catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")] == ["boxed", "tall"]


def test_a_server_without_post_is_asked_by_get():
    second = {**pages([made("B")])[0]}
    first = {**pages([made("A")])[0], "links": [{"rel": "next", "href": f"{API}/search?token=2"}]}
    script = Scripted({API: landing("GET"), f"{API}/search?token=2": second})
    query = "limit=100&bbox=10.0%2C45.0%2C11.0%2C46.0&datetime=2020-01-01T00%3A00%3A00Z%2F2021-01-01T00%3A00%3A00Z&collections=ice"
    script.answers[f"{API}/search?{query}"] = first
    found = stac.Catalogue(API, script).search("ice", (10, 45, 11, 46), "2020", "2020")
    assert [item.id for item in found] == ["A", "B"] and {method for method, _, _ in script.asked} == {"GET"}


def test_paging_in_circles_ends():
    again = pages([made("A")], [])[0]
    catalogue, script = server(again, again, again)
    with pytest.raises(SourceError, match="the server repeats its pages; 1 entries were read"):
        catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")
    assert len(script.asked) == 3


def test_a_next_page_on_another_server_is_not_followed():
    page = pages([made("A")])[0] | {"links": [{"rel": "next", "href": "https://evil.example/search?key=1", "method": "GET"}]}
    catalogue, script = server(page)
    with pytest.raises(SourceError, match=r"leads on to another server, https://evil.example/search; not followed"):
        catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")
    assert not any("evil" in url for _, url, _ in script.asked)


def test_links_of_an_item_do_not_lead_out_of_the_catalogue(tmp_path):
    treacherous = made("A", links=[{"rel": "root", "href": "/catalog.json"}, {"rel": "self", "href": "/etc/A.json"}])
    treacherous["assets"]["data"]["href"] = "../../../secret.tif"
    item = static_in(tmp_path / "archive", treacherous).search("ice", (10, 45, 11, 46), "2020", "2020")[0]
    assert item.get_self_href() == str(tmp_path / "archive" / "ice" / "A.json")
    with pytest.raises(InputError, match="points outside of its catalogue"):
        fetch.locate(item, "data")
    foreign = made("A", links=[{"rel": "self", "href": "file:///etc/A.json"}])
    catalogue, _ = server(*pages([foreign]))
    served = catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")[0]
    assert served.get_single_link("root") is None
    assert served.get_self_href() == f"{API}/collections/ice/items/A"
    outside = static_in(tmp_path / "second", links=[{"rel": "item", "href": "../../archive/ice/A.json"}])
    with pytest.raises(InputError, match="points outside of its catalogue"):
        outside.search("ice", (10, 45, 11, 46), "2020", "2020")


def test_a_searched_item_may_be_changed_without_harm_to_the_next_search(static):
    first = static.search("landsat-c2-l2", BOX, "2000", "2025")[0]
    first.properties.clear()
    assert "platform" in static.search("landsat-c2-l2", BOX, "2000", "2025")[0].properties


def test_catalogues_that_link_in_circles_end(tmp_path):
    catalogue = static_in(tmp_path, made("A"))
    collection = json.loads((tmp_path / "ice" / "collection.json").read_text())
    collection["links"] += [{"rel": "child", "href": "../catalog.json"}, {"rel": "child", "href": "./2021/catalog.json"}]
    (tmp_path / "ice" / "collection.json").write_text(json.dumps(collection))
    (tmp_path / "ice" / "2021").mkdir()
    below = {
        "type": "Catalog",
        "id": "2021",
        "links": [{"rel": "item", "href": "./B.json"}, {"rel": "child", "href": "../collection.json"}],
    }
    (tmp_path / "ice" / "2021" / "catalog.json").write_text(json.dumps(below))
    (tmp_path / "ice" / "2021" / "B.json").write_text(json.dumps(made("B")))
    assert [item.id for item in catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")] == ["A", "B"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"type": "Feature", "id": "A"', "expected JSON, found"),
        (b"[]", "expected a JSON object, found list"),
        (b'{"type": "Catalog", "id": "A", "links": []}', "not a valid STAC item"),
        (json.dumps(made("A", {"datetime": "yesterday"})).encode(), "not a valid STAC item"),
        (json.dumps(made("A", {"datetime": None})).encode(), "not a valid STAC item"),
        (json.dumps(made("A", geometry=None, bbox=None)).encode(), "expected a geometry or a bbox, found neither"),
        (json.dumps(made("A", geometry={"type": "Polygon"}, bbox=None)).encode(), "its geometry cannot be read"),
        (json.dumps(made("A", assets=[])).encode(), "not a valid STAC item"),
    ],
)
def test_a_damaged_item_is_one_line_that_names_it(content, message, tmp_path):
    catalogue = static_in(tmp_path, made("A"))
    (tmp_path / "ice" / "A.json").write_bytes(content)
    with pytest.raises(SourceError, match=message) as error:
        catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")
    assert str(tmp_path / "ice" / "A.json") in str(error.value) and "\n" not in str(error.value)


def test_a_missing_item_is_named(tmp_path):
    catalogue = static_in(tmp_path, made("A"))
    (tmp_path / "ice" / "A.json").unlink()
    with pytest.raises(InputError, match=r"A\.json: cannot be read"):
        catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")


def test_an_empty_search_tells_what_a_wider_one_finds(archive, static, api):
    starts = sorted(times(document)[0] for document in on_disk(archive, "landsat-c2-l2"))
    everything = f"in any period {len(starts)} ({starts[0]:%Y-%m-%d} … {starts[-1]:%Y-%m-%d})"
    day = f"{starts[0]:%Y-%m-%d}"
    on_that_day = sum(f"{start:%Y-%m-%d}" == day for start in starts)
    with patient() as reader:
        for catalogue in (static, stac.Catalogue(api.url, reader)):
            with pytest.raises(InputError) as error:
                catalogue.search("landsat-c2-l2", BOX, "1999-01-01", "1999-12-31", keep=lambda item: True, words="platform landsat-5")
            assert str(error.value) == (
                f"{catalogue.name}: no item of landsat-c2-l2 in box 74.5,36.38,74.7,36.46 from 1999-01-01 to 1999-12-31 with platform "
                f"landsat-5; a wider search finds: without the filters 0, {everything}, in a box 1° larger 0"
            )
            with pytest.raises(InputError, match=rf"in any period 0, in a box 1° larger {on_that_day} \({day} … {day}\)$"):
                catalogue.search("landsat-c2-l2", (75.2, 36.41, 75.3, 36.43), day, day)
            with pytest.raises(InputError, match=rf"with cloud below 20 %; a wider search finds: without the filters {on_that_day}$"):
                catalogue.search("landsat-c2-l2", BOX, day, day, keep=lambda item: False, words="cloud below 20 %")
            with pytest.raises(InputError, match=r"unknown collection 'landsat-c2' \(did you mean 'landsat-c2-l2'\?\); known: cop-dem"):
                catalogue.search("landsat-c2", BOX, "2000", "2025")


def test_a_wider_search_that_fails_does_not_hide_the_empty_one():
    catalogue, script = server(*pages([]))
    script.answers[f"{API}/collections"] = b"<html>"
    with pytest.raises(InputError, match=r"no item of ice .* what a wider search would find is unknown: .*expected JSON"):
        catalogue.search("ice", (10, 45, 11, 46), "2020", "2020")


def test_a_wider_search_stops_counting():
    many = [made(f"A{number}") for number in range(stac.MOST + 5)]
    catalogue, _ = server(*pages([]), *pages(many), *pages([]))
    with pytest.raises(InputError, match=r"in any period 1000 or more \(2020-07-04 … 2020-07-04\), in a box 1° larger 0"):
        catalogue.search("ice", (10, 45, 11, 46), "2010", "2010")


def test_names_lead_to_catalogues_and_their_signing():
    assert set(stac.known()) == {"planetary-computer", "earth-search", "itslive"}
    assert isinstance(stac.signer("planetary-computer"), SasSigner)
    assert isinstance(stac.signer("https://planetarycomputer.microsoft.com/api/stac/v1/"), SasSigner)
    assert stac.signer("earth-search") is None and stac.signer("/some/catalog.json") is None


def test_what_is_no_catalogue_is_refused(tmp_path):
    with Reader() as reader:
        with pytest.raises(InputError, match=r"unknown catalogue 'planetry-computer' \(did you mean 'planetary-computer'\?\)"):
            stac.Catalogue("planetry-computer", reader)
        (tmp_path / "catalog.json").write_text('{"type": "Catalog", "id": "empty", "links": []}')
        with pytest.raises(InputError, match="expected a STAC catalogue with collections, or a STAC API; found neither"):
            stac.Catalogue(str(tmp_path), reader).search("ice", BOX, "2020", "2020")
        with pytest.raises(InputError, match="expected lon min < lon max"):
            stac.Catalogue(str(tmp_path), reader).search("ice", (36.4, 74.6, 36.3, 74.7), "2020", "2020")
        with pytest.raises(InputError, match="expected the start before the end"):
            stac.Catalogue(str(tmp_path), reader).search("ice", BOX, "2021", "2020")
        with pytest.raises(InputError, match="date 'spring': expected a date such as 2020-07-31"):
            stac.Catalogue(str(tmp_path), reader).search("ice", BOX, "spring", "2020")


def test_real_items_of_three_products(real_data):
    documents = [json.loads(path.read_text()) for path in sorted(real_data("stac_items/planetary_computer_style").glob("*.json"))]
    items = [document for document in documents if document.get("type") == "Feature"]
    assert Counter(item["collection"] for item in items)["landsat-c2-l2"] == 3
    found = {}
    for collection in {item["collection"] for item in items}:
        catalogue, _ = server(*pages([item for item in items if item["collection"] == collection]))
        found |= {item.id: item for item in catalogue.search(collection, (-180, -90, 180, 90), "2010", "2022")}
    assert found.keys() == {item["id"] for item in items}
    assert stac.span(found["LC08_L2SP_047027_20201204_02_T1"]) == (pd.Timestamp("2020-12-04T19:02:11.194486"),) * 2
    eight_days = stac.span(found["MOD11A2.A2022033.h19v10.061"])
    assert eight_days == (pd.Timestamp("2022-02-02"), pd.Timestamp("2022-02-09T23:59:59"))
    assert "proj:epsg" in found["LC08_L2SP_047027_20201204_02_T1"].properties  # items are not rewritten to a newer STAC


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020-07-31T10:00:00+02:00", "2020-07-31T08:00:00", "2020-07-31T08:00:00"),
        ("2020-07-31T23:30-05:00", "2020-08-01T04:30:00", "2020-08-01T04:30:00"),
        ("2020-07-31T10:00:00Z", "2020-07-31T10:00:00", "2020-07-31T10:00:00.999999"),
        ("2020-07-31", "2020-07-31T00:00:00", "2020-07-31T23:59:59.999999"),
    ],
)
def test_a_time_with_a_zone_is_brought_to_utc(text, first, last):
    found = stac_items.period_of("2000", text)[1], stac_items.period_of(text, "2030")[0]
    assert found == (pd.Timestamp(last), pd.Timestamp(first))


@pytest.mark.parametrize("nothing", ["NaT", np.datetime64("NaT"), "", "tomorrow"])
def test_what_is_no_date_is_refused(nothing):
    with pytest.raises(InputError, match=r"expected a date such as 2020-07-31"):
        stac_items.period_of(nothing, "2030")
