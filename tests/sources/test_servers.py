"""The servers that other tests rely on do what they say."""

from __future__ import annotations

import contextlib
import json

import pandas as pd
import pytest
from tests.sources.faults import Faults, TokenDesk

from glaciercast.errors import SourceError
from glaciercast.sources.access import Reader
from glaciercast.sources.http import Client, FetchPolicy


@pytest.fixture
def reader():
    with Reader(Client(FetchPolicy(tries=1))) as made:
        yield made


def test_the_api_holds_the_archive_and_its_hrefs_lead_to_its_files(archive, api, reader):
    """rustac answers by collection, box and period, in pages; every item is the archive's, but for links and absolute hrefs."""
    body = {"collections": ["landsat-c2-l2"], "limit": 3, "datetime": "2019-01-01T00:00:00Z/2019-12-31T23:59:59Z"}
    found, url = [], f"{api.url}search"
    while url:
        page = json.loads(reader.client.post(url, body))
        found += page["features"]
        following = [link for link in page["links"] if link["rel"] == "next"]
        url, body = (following[0]["href"], following[0]["body"]) if following and page["features"] else ("", {})
    folder = archive / "archive" / "landsat-c2-l2"
    stored = [json.loads((each / f"{each.name}.json").read_text()) for each in folder.iterdir() if each.is_dir()]
    of_2019 = {item["id"]: item for item in stored if item["properties"]["datetime"].startswith("2019")}
    assert sorted(item["id"] for item in found) == sorted(of_2019)
    for item in found:
        expected = dict(of_2019[item["id"]]["properties"])
        assert pd.Timestamp(item["properties"].pop("datetime")) == pd.Timestamp(expected.pop("datetime"))  # without idle zeros
        assert item["properties"] == expected
    asset = found[0]["assets"]["qa_pixel"]["href"]
    assert asset.startswith(api.server.files)
    local = folder / found[0]["id"] / of_2019[found[0]["id"]]["assets"]["qa_pixel"]["href"]
    assert reader.read(asset, 0, 1000) == local.read_bytes()[:1000]
    assert [entry.outcome for entry in api.server.log][-1] == "206"


def test_a_corrupt_tile_has_the_right_length_and_wrong_bytes(files, reader):
    path = next(files.folder.rglob("*.TIF"))
    files.faults = Faults(rate=1.0, kinds=("corrupt",), most_in_a_row=1)
    wrong, right = (reader.read(files.url_of(path), 100, 400) for _ in range(2))
    assert right == path.read_bytes()[100:400]
    assert len(wrong) == 300
    assert sum(a != b for a, b in zip(wrong, right, strict=True)) == 16
    assert files.outcomes == {"corrupt": 1, "206": 1}


def test_faults_are_those_of_the_seed_and_not_of_the_order(files, reader):
    """Which request of a path and range fails depends on its own count alone."""

    def outcomes(order: list[int]) -> dict[int, str]:
        files.reset()
        files.faults = Faults(rate=0.3, seed=9, kinds=("429",))
        url, seen = files.url_of(next(files.folder.rglob("*.TIF"))), {}
        for number in order:
            with contextlib.suppress(SourceError):
                reader.read(url, number, number + 1)
            seen[number] = files.log[-1].outcome
        return seen

    forward = outcomes(list(range(100)))
    assert forward == outcomes(list(reversed(range(100))))
    assert 15 <= sum(outcome == "429" for outcome in forward.values()) <= 45


def test_a_path_can_be_broken_for_good_and_a_token_be_demanded(files, reader):
    first, second = sorted(files.folder.rglob("*.TIF"))[:2]
    files.faults = Faults(broken=lambda path: path.endswith(first.name), broken_how="404")
    assert len(reader.read(files.url_of(second), 0, 10)) == 10
    with pytest.raises(SourceError, match=r"404, not found"):
        reader.read(files.url_of(first), 0, 10)
    files.tokens = TokenDesk()
    with pytest.raises(SourceError, match=r"403, access refused"):
        reader.read(files.url_of(second), 0, 10)
