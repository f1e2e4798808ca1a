"""The figure of the audit shows where cells lie, how often each was seen, and the months, by value."""

import numpy as np
import pytest
import shapely
from matplotlib.collections import PolyCollection, QuadMesh
from tests.audited import RIGHT, SHISPER, cube, geobox, in_degrees, mismatched, optical, utm_box, write_table

from glaciercast import store
from glaciercast.cube import audit as audits
from glaciercast.cube import tally
from glaciercast.cube.audit import AuditConfig
from glaciercast.cube.tally import Table
from glaciercast.errors import InputError
from glaciercast.report import audit as drawing
from glaciercast.report.audit import footprint_panel

LAKE = (74.572267, 36.35594)
WHOLE = in_degrees(shapely.box(450000, 4029000, 451000, 4030000))


def drawn(footprints, areas):
    return footprint_panel(audits.audit(footprints, areas, AuditConfig()), footprints, areas)


def words(figure):
    texts = [figure.get_suptitle(), *(entry.get_text() for legend in figure.legends for entry in legend.get_texts())]
    for axes in figure.axes:
        texts += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel(), *(text.get_text() for text in axes.texts)]
    return "\n".join(texts)


def test_each_product_has_a_map_and_bars_with_units_and_a_legend(tmp_path):
    opened = store.open_cube(mismatched(tmp_path / "cube.zarr"))
    areas = audits.regions_of(shapely.box(*SHISPER), LAKE, AuditConfig())
    figure = drawn(list(tally.of_cube(opened, areas)), areas)
    figure.savefig(tmp_path / "figure.png", dpi=50)
    assert len(figure.axes) == 3 * 3  # map, colour bar and bars
    text = words(figure)
    assert "/optical/sentinel2: ok\nobserved: outline 100 %, lake 100 %" in text
    assert "/velocity/itslive: fails\nobserved: outline 0 %, lake 0 %" in text and "none of 2 dates saw the outline" in text
    assert "nearest cell: 3.3 km to the east" in text and "expected: 90 % of the outline and of the lake's surroundings" in text
    assert "4 of 4 dates, 2019-01-10 to 2020-01-15\n10 months of the record without any, longest gap 285 days" in text
    for label in (
        "Clear observations (count)",
        "Pairs with a velocity (count)",
        "Valid temperatures (count)",
        "(count, mean over the outline)",
    ):
        assert label in text
    for label in ("(km)", "Calendar month", "glacier's outline", "lake's surroundings", "cell or month without any observation"):
        assert label in text


def test_the_map_and_the_bars_hold_the_values(tmp_path):
    clear = np.zeros((4, 10, 10), bool)
    clear[:3, :5], clear[2, 5:8] = True, True
    areas = audits.regions_of(WHOLE, None, AuditConfig())
    figure = drawn(list(tally.of_cube(cube(tmp_path, {"/optical/landsat": optical(clear)}), areas)), areas)
    left, right = figure.axes[:2]
    (mesh,) = [each for each in left.collections if isinstance(each, QuadMesh)]
    values = np.ma.asarray(mesh.get_array()).reshape(10, 10)
    assert values[0, 0] == 3 and values[6, 0] == 1 and values.mask[9].all() and not values.mask[:8].any()
    x = mesh.get_coordinates()[..., 0]
    assert x.max() - x.min() == pytest.approx(1.0, abs=0.01)  # km
    bars = {
        round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in right.patches if bar.get_height() < 5 and not bar.get_hatch()
    }
    assert bars[1] == pytest.approx(2 * 0.5, abs=1e-4) and bars[4] == pytest.approx(0.8, abs=1e-4)
    assert sum(bool(bar.get_hatch()) for bar in right.patches) == 10
    line = left.lines[1]
    assert max(line.get_xdata()) == pytest.approx(0.5, abs=0.02) and min(line.get_ydata()) == pytest.approx(-0.5, abs=0.02)


def test_a_fine_grid_is_thinned_and_keeps_what_was_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "MOST_CELLS", 25)
    clear = np.zeros((4, 61, 40), bool)
    clear[0, 60, 39] = True
    areas = audits.regions_of(WHOLE, None, AuditConfig())
    opened = cube(tmp_path, {"/optical/landsat": optical(clear, box=geobox((61, 40), pixel=25.0))})
    figure = drawn(list(tally.of_cube(opened, areas)), areas)
    (mesh,) = [each for each in figure.axes[0].collections if isinstance(each, QuadMesh)]
    values = np.ma.asarray(mesh.get_array())
    assert values.shape == (21, 20) and values.count() == 1
    assert values[-1, -1] == 1


def test_a_table_is_drawn_as_squares_and_without_dates_says_so(tmp_path):
    place = utm_box(*RIGHT, 1000.0)
    file = write_table(tmp_path / "table.csv", place)
    areas = audits.regions_of(shapely.box(*SHISPER), None, AuditConfig())
    figure = drawn([tally.of_table(Table(file=str(file), lon="longitude", lat="latitude", cell=1000.0), areas)], areas)
    squares = [each for each in figure.axes[0].collections if isinstance(each, PolyCollection) and each.get_array() is not None]
    assert len(squares[0].get_paths()) == place.shape[0] * place.shape[1]
    assert "the table has no dates" in words(figure) and "expected: 90 % of the outline observed" in words(figure)


def test_nothing_to_draw_is_refused():
    with pytest.raises(InputError, match=r"footprint figure: expected at least one product, found none"):
        footprint_panel({}, [], [])
