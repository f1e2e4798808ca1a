"""What both optical products share: sun, order of items, packing, and bands fetched together."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from tests.optical_items import bare_item, grid_of

from glaciercast.errors import InputError, SourceError
from glaciercast.sources import items, mosaic
from glaciercast.sources.landsat import Landsat
from glaciercast.sources.mosaic import Layer
from glaciercast.sources.scene import RawBand, Sun

TIME = "2020-12-04T05:30:00Z"
KEYS = ("qa_pixel", "green", "red", "nir08", "swir16", "lwir11")


def landsat_item(name="A", row="038", **more):
    found = {
        "platform": "landsat-8", "landsat:wrs_path": "147", "landsat:wrs_row": row, "landsat:correction": "L2SP",
        "landsat:collection_category": "T1", "landsat:collection_number": "02", **more,
    }  # fmt: skip
    return bare_item(name, TIME, found, KEYS)


class Together:
    """Answers only when as many requests wait as there are bands: a fetcher that is asked one by one would never answer."""

    def __init__(self, n_bands: int) -> None:
        self.barrier = threading.Barrier(n_bands)
        self.asked: list[tuple[str, str]] = []

    def at_hand(self, *_):
        return False

    def fetch(self, item, asset, target):
        self.asked.append((item.id, asset))
        if asset != "qa_pixel":
            self.barrier.wait(timeout=5)
        number = 21824 if asset == "qa_pixel" else 20_000
        return type(
            "Fetched", (), {"band": RawBand(np.full(target.shape, number, "uint16"), target, None, None, None), "facts": {"asset": asset}}
        )


def test_bands_of_an_item_are_fetched_at_the_same_time():
    product, waiting = Landsat(), Together(5)
    (overpass,) = product.overpasses([landsat_item()])
    found = product.read(overpass, grid_of(), waiting, product.bands)
    assert waiting.asked[0] == ("A", "qa_pixel") and len(waiting.asked) == 6
    assert [fact["asset"] for fact in found.facts] == list(KEYS), "facts are in order, whatever came first"


def test_bands_that_are_at_hand_are_taken_one_after_the_other():
    class AtHand(Together):
        def at_hand(self, *_):
            return True

        def fetch(self, item, asset, target):
            assert threading.current_thread() is threading.main_thread()
            return super().fetch(item, asset, target)

    (overpass,) = Landsat().overpasses([landsat_item()])
    found = Landsat().read(overpass, grid_of(), AtHand(1), Landsat().bands)
    assert [fact["asset"] for fact in found.facts] == list(KEYS)


def test_an_error_of_the_server_reaches_the_caller():
    class Fails(Together):
        def fetch(self, item, asset, target):
            if asset == "red":
                raise SourceError("https://x/red.tif: 503 after 6 tries")
            return super().fetch(item, asset, target)

    (overpass,) = Landsat().overpasses([landsat_item()])
    with pytest.raises(SourceError, match=r"red\.tif: 503 after 6 tries"):
        Landsat().read(overpass, grid_of(), Fails(1), ("green", "red"))


def test_overpasses_do_not_depend_on_the_order_of_the_search():
    found = [landsat_item(f"row{row}", row) for row in ("040", "038", "039")]
    orders = [Landsat().overpasses(order)[0].items for order in (found, found[::-1])]
    assert [item.id for item in orders[0]] == [item.id for item in orders[1]] == ["row038", "row039", "row040"]
    assert Landsat().overpasses([]) == []


def test_the_mean_sun_of_an_overpass_is_a_direction():
    """Azimuths 350° and 20° average to 5°, not to 185°."""
    suns = [{"view:sun_elevation": 30.0, "view:sun_azimuth": 350.0}, {"view:sun_elevation": 32.0, "view:sun_azimuth": 20.0}]
    both = [landsat_item("A", "038", **suns[0]), landsat_item("B", "039", **suns[1]), landsat_item("C", "040")]
    (overpass,) = Landsat().overpasses(both)
    assert overpass.sun == Sun(31.0, pytest.approx(5.0))
    assert Landsat().overpasses([landsat_item()])[0].sun is None


def test_physical_values_honour_both_nodatas():
    raw = RawBand(np.array([[0, 1, 10_000, 65_535]], "uint16"), grid_of((1, 4)), None, None, 65_535)
    found = mosaic.physical(raw, Layer("x", 1e-4, -0.1, 0))
    np.testing.assert_allclose(found, [[np.nan, -0.0999, 0.9, np.nan]], atol=1e-7)
    assert found.dtype == np.float32


def test_the_latest_time_comes_first_and_a_missing_one_last():
    found = [
        bare_item(str(n), TIME, {"created": made} if made else {}) for n, made in enumerate(("2021-05-01T00:00:00Z", None, "2022-01-01"))
    ]
    assert [item.id for item in sorted(found, key=lambda item: items.latest_first(item, "created"))] == ["2", "0", "1"]


def test_items_without_a_time_or_a_box_are_named():
    item = landsat_item()
    item.bbox = None
    with pytest.raises(InputError, match=r"^item A: expected a 'bbox', found none$"):
        items.solar_day(item)
    item.datetime = None
    with pytest.raises(InputError, match=r"^item A: expected a 'datetime', found none$"):
        items.acquired(item)


def test_boxes_with_heights_are_read_right():
    item = landsat_item()
    item.bbox = [177.0, 10.0, 0.0, 179.0, 12.0, 9000.0]
    item.datetime = item.datetime.replace(hour=23)
    assert items.solar_day(item) == "20201205"
