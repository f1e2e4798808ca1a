"""What a data set tells of itself: STAC that pystac validates, Croissant whose references and checksums hold, a data sheet by value."""

import csv
import json

import pystac
import pytest
from tests.dataset import made

from glaciercast import runs
from glaciercast.dataset import croissant, datasheet, describe, stac, sums


def test_pystac_validates_the_collection_and_its_items_offline(out):
    collection = pystac.Collection.from_file(str(out / stac.COLLECTION))
    assert collection.validate() == ["https://schemas.stacspec.org/v1.1.0/collection-spec/json-schema/collection.json"]
    items = {item.properties["split"]: item for item in collection.get_items()}
    told = runs.read_json(out / describe.FILE)
    assert set(items) == {"train", "validation", "test"}
    for part, item in items.items():
        assert item.validate() and item.collection_id == collection.id
        assert item.properties["windows"] == told["parts"][part]["windows"]
        assert f"{item.common_metadata.start_datetime:%Y-%m-%d}" == told["parts"][part]["targets_from"]
        for asset in item.make_asset_hrefs_absolute().assets.values():
            assert (out / asset.href).exists() and str(out) in asset.href
    west, south, east, north = collection.extent.spatial.bboxes[0]
    assert 74.99 < west < east < 75.01 and 36.13 < south < north < 36.16  # 500 km east in zone 43: 75° E; 4000 km north


def test_every_file_of_croissant_is_there_with_its_checksum(out):
    document, stated = runs.read_json(out / croissant.FILE), sums.read(out)
    files = [one for one in document["distribution"] if one["@type"] == "cr:FileObject"]
    assert {one["contentUrl"] for one in files} >= {path for path in stated if path.startswith(("shards/", "windows.zarr/"))}
    for one in files:
        assert one["sha256"] == stated[one["contentUrl"]] == sums.of_file(out / one["contentUrl"])
        assert one["contentSize"] == f"{(out / one['contentUrl']).stat().st_size} B"


def test_every_reference_of_croissant_leads_somewhere(out):
    document = runs.read_json(out / croissant.FILE)
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0" and document["@type"] == "sc:Dataset"
    known = {one["@id"] for one in document["distribution"]} | {one["@id"] for one in document["recordSet"]}
    known |= {field["@id"] for one in document["recordSet"] for field in one["field"]}
    named = [one["@id"] for one in _nodes(document) if set(one) == {"@id"}]
    assert len(named) > 20 and set(named) <= known
    with (out / describe.WINDOWS).open(encoding="utf-8") as file:
        columns = next(csv.reader(file))
    windows = next(one for one in document["recordSet"] if one["@id"] == "windows")
    assert [field["source"]["extract"]["column"] for field in windows["field"]] == columns


def _nodes(value):
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _nodes(inner)


def test_the_data_sheet_tells_counts_split_statistics_and_limits(out):
    text, told = (out / datasheet.FILE).read_text(encoding="utf-8"), runs.read_json(out / describe.FILE)
    for part, about in told["parts"].items():
        assert f"| {part} | {about['windows']} | {about['targets_from']} | {about['targets_to']} | home {about['windows']} |" in text
    assert "7 steps belong to none" in text.replace("as 7 steps between parts", "7 steps")
    assert f"| `ndsi` | normalised difference snow index | 1 | {told['mean'][0]:.4g} | {told['std'][0]:.4g} |" in text
    assert "After the split, 1 varied copies of each training window were added" in text
    assert "Velocities are from image pairs that span months" in text and "One place only" in text
    assert "Temperatures are of clear sky" not in text


def test_observed_shares_are_those_of_the_table(out):
    told = runs.read_json(out / describe.FILE)
    with (out / describe.WINDOWS).open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "validation"]
    shares = told["parts"]["validation"]["targets_observed"]
    mean = sum(float(row["targets_observed"]) for row in rows) / len(rows)
    assert mean == pytest.approx(sum(shares.values()) / len(shares), abs=1e-4) and 0.4 < mean < 0.55


def test_credits_of_a_cube_go_into_every_catalogue():
    place = {
        "name": "home", "title": "Home", "comment": "made", "is_glacier": False, "grid": "g", "bbox": [75.0, 36.0, 75.1, 36.1],
        "from": "2015-01-01",
        "to": "2017-01-01", "steps": 24, "content": "0" * 64, "attribution": [made.CREDIT], "licence": [made.LICENCE],
    }  # fmt: skip
    part = {
        "windows": 3, "varied_copies": 0, "by_cube": {"home": 3}, "shards": 1, "targets_from": "2015-05-01", "targets_to": "2015-09-01",
        "inputs_observed": {"ndsi": 0.5}, "targets_observed": {"ndsi": 0.5},
    }  # fmt: skip
    told = {
        "title": "T", "identity": "1" * 64, "variables": ["ndsi"], "targets": ["ndsi"], "statics": [], "units": {"ndsi": "1"},
        "long_names": {"ndsi": "index"}, "places": [place], "parts": dict.fromkeys(("train", "validation", "test"), part), "licence": "",
        "statistics": {key: [0.5] for key in ("mean", "std", "minimum", "maximum", "observed_share")}, "cadence": "MS", "resolution": 30.0,
        "n_input": 4, "n_target": 4, "patch": 8, "forms": ["tar"], "settings": {"augment": {}},
        "split": {"kind": "time", "gap_steps": 8, "composite_length": 1, "sentence": "Apart.", "left_out": None},
    }  # fmt: skip
    paths = [describe.WINDOWS, describe.FILE, datasheet.FILE, "shards/train-000000.tar"]
    document = croissant.document(told, dict.fromkeys(paths, "0" * 64), dict.fromkeys(paths, 1))
    assert document["license"] == [made.LICENCE] and document["creator"][0]["name"] == document["citeAs"] == made.CREDIT
    collection = stac.collection(told)
    assert {"rel": "license", "href": made.LICENCE} in collection["links"] and collection["providers"][0]["name"] == made.CREDIT
    text = datasheet.text(told)
    assert made.CREDIT in text and made.LICENCE in text and "home is not a glacier" in text and "home: made" in text
    told["licence"] = "https://example.org/own"
    assert croissant.document(told, dict.fromkeys(paths, "0"), dict.fromkeys(paths, 1))["license"] == [told["licence"]]
    assert json.dumps(stac.item(told, "train")) and {"rel": "license", "href": told["licence"]} in stac.collection(told)["links"]
