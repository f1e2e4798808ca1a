"""The cube's contract: each fault is named by variable, expected and found."""

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox

from glaciercast import grid, schema
from glaciercast.errors import SchemaError

GEOBOX = GeoBox.from_bbox((500000, 4000000, 500120, 4000090), "EPSG:32643", resolution=30)


def aligned() -> xr.Dataset:
    time = np.array(["2020-01-01", "2020-02-01"], "M8[ns]")
    field = (("time", "y", "x"), np.zeros((2, *GEOBOX.shape), "float32"), {"units": "1"})
    calendar = ("time", np.zeros(2, "float32"), {"units": "1"})
    return xr.Dataset(
        {
            "ndsi": field,
            "ndsi_observed": field,
            "season_sin": calendar,
            "season_cos": calendar,
            "time_bounds": (("time", "bounds"), np.stack([time, time], 1)),
            "available_at": ("time", time),
        },
        coords={**grid.coordinates(GEOBOX), "time": time},
    )


def tree(dataset: xr.Dataset, version: int = schema.VERSION) -> xr.DataTree:
    made = xr.DataTree.from_dict({"/": xr.Dataset(), "/aligned": dataset})
    made.attrs["glaciercast_schema"] = version
    return made


def test_a_right_cube_passes():
    schema.validate(tree(aligned()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_vars("season_sin"), r"/aligned/season_sin: expected floating point .* found no such variable"),
        (lambda d: d.drop_vars("ndsi_observed"), r"/aligned/ndsi: expected ndsi_observed beside it, found none"),
        (lambda d: d.assign(ndsi=d.ndsi.astype("int16")), r"/aligned/ndsi: expected floating point .* found dtype int16"),
        (lambda d: d.assign(ndsi=d.ndsi.assign_attrs(units="percent")), r"expected units '1', found 'percent'"),
        (lambda d: d.assign(ndsi=d.ndsi.transpose("y", "x", "time")), r"expected dimensions \('time', 'y', 'x'\)"),
        (lambda d: d.assign(snow=d.ndsi), r"/aligned/snow: not in the contract"),
        (lambda d: d.drop_vars("spatial_ref"), r"spatial_ref: expected a CF grid mapping"),
        (lambda d: d.isel(time=[1, 0]), r"/aligned/time: expected times in order"),
    ],
)
def test_each_fault_is_named(change, message):
    with pytest.raises(SchemaError, match=message):
        schema.validate(tree(change(aligned())))


def test_pairs_their_series_and_what_it_rests_on_have_contracts_of_their_own():
    found = [schema.group_for(f"/velocity/{name}") for name in ("itslive", "itslive_series", "own_series", "own_series_fit")]
    assert found == [schema.VELOCITY, schema.SERIES, schema.SERIES, schema.SERIES_FIT]
    assert schema.group_for("/velocity") is None and schema.group_for("/velocity/own/more") is None
    assert schema.SERIES.variables["vx"].dims == ("time", "y", "x") and schema.VELOCITY.variables["vx"].dims == ("pair", "y", "x")


def test_an_unknown_group_is_refused():
    made = xr.DataTree.from_dict({"/": xr.Dataset(), "/extra": aligned()})
    made.attrs["glaciercast_schema"] = schema.VERSION
    with pytest.raises(SchemaError, match=r"/extra: no group of a cube"):
        schema.validate(made)


def test_versions_newer_older_and_absent_are_told_apart():
    with pytest.raises(SchemaError, match="found 99; install a newer glaciercast"):
        schema.upgrade(tree(aligned(), 99))
    with pytest.raises(SchemaError, match="found 0; build it anew"):
        schema.upgrade(tree(aligned(), 0))
    with pytest.raises(SchemaError, match="not a cube of glaciercast"):
        schema.validate(xr.DataTree())


def test_an_older_cube_is_brought_to_this_version_step_by_step(monkeypatch):
    old = tree(aligned().rename(ndsi="snow_index", ndsi_observed="snow_index_observed"), 0)

    def rename(cube: xr.DataTree) -> xr.DataTree:
        cube["aligned"] = xr.DataTree(cube["aligned"].to_dataset().rename(snow_index="ndsi", snow_index_observed="ndsi_observed"))
        return cube

    monkeypatch.setitem(schema.MIGRATIONS, 0, rename)
    new = schema.upgrade(old)
    schema.validate(new)
    assert new.attrs["glaciercast_schema"] == schema.VERSION


@pytest.mark.parametrize("path", ["/optical/sentinel2", "/velocity/itslive", "/temperature/mod11a1", "/aligned"])
def test_every_group_of_the_design_has_a_contract_with_an_availability_time(path):
    assert schema.group_for(path).variables["available_at"].required
