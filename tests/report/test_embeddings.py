"""The latent space is drawn where its points lie, in the colours of what is known of them, with their units."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from glaciercast.errors import InputError
from glaciercast.report.embeddings import latent_space

AXES = ("PC1 (61.0 % of the training variance)", "PC2 (20.0 % of the training variance)")


def windows(**changes) -> tuple[np.ndarray, pd.DataFrame]:
    """Return 12 points, one a month, and their facts; of the fifth nothing was seen."""
    month = np.arange(12)
    parts = ["train"] * 6 + ["validation"] * 2 + ["test"] * 4
    facts = pd.DataFrame({"part": parts, "season": (month + 0.5) / 12, "mean_ndsi": month / 11, "rmse": 0.1 + month / 100, **changes})
    facts.loc[4, ["mean_ndsi", "rmse"]] = np.nan
    return np.stack([np.cos(month), np.sin(month)], axis=1), facts


def drawn(panel) -> dict[tuple[float, float], float | None]:
    """Return the value of each point that a panel shows, None for one in grey."""
    found: dict[tuple[float, float], float | None] = {}
    for points in panel.collections:
        values = points.get_array()
        for number, place in enumerate(points.get_offsets()):
            found[tuple(float(end) for end in place)] = None if values is None else float(values[number])
    return found


def test_every_point_bears_its_value_and_one_without_is_grey():
    points, facts = windows()
    figure = latent_space(points, facts, AXES, ("ndsi", "ndsi"), "lstm")
    for panel, column in zip(figure.axes[:3], ("season", "mean_ndsi", "rmse"), strict=True):
        found = drawn(panel)
        assert len(found) == 12
        for place, value in zip(points, facts[column], strict=True):
            assert found[tuple(place)] == (None if np.isnan(value) else pytest.approx(value))
    greys = [points.get_facecolor()[0] for points in figure.axes[1].collections if points.get_array() is None and len(points.get_offsets())]
    np.testing.assert_allclose(greys, [[0xDC / 255] * 3 + [1]])


def test_axes_bars_and_legend_name_what_they_show():
    points, facts = windows(mean_speed=np.arange(12.0))
    figure = latent_space(points, facts, AXES, ("ndsi", "speed"), "unet_time")
    panels, bars = figure.axes[:3], figure.axes[3:]
    assert all(panel.get_xlabel() == AXES[0] for panel in panels) and panels[0].get_ylabel() == AXES[1]
    assert [bar.get_xlabel() for bar in bars] == [
        "month of the issue step",
        "mean NDSI of the last frame, filled values too (dimensionless)",
        "RMSE of speed over all leads (m year-1)",
    ]
    assert "".join(tick.get_text() for tick in bars[0].get_xticklabels()) == "JFMAMJJASOND"
    np.testing.assert_allclose(bars[0].get_xticks(), (np.arange(12) + 0.5) / 12)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    grey = "grey in “NDSI at issue” and “Error of the forecast”: not known"  # winter is pale too
    assert words == ["training (6 windows)", "validation (2 windows)", "test (4 windows)", grey]
    assert len({entry.get_marker() for entry in figure.legends[0].legend_handles[:3]}) == 3
    figure.savefig(io.BytesIO(), format="png")


def test_seasons_are_cyclic_and_one_failure_does_not_bleach_all_others():
    rmse = np.full(12, 0.1)
    rmse[:6] = np.linspace(0.1, 0.2, 6)
    rmse[-1] = 50.0
    points, facts = windows(rmse=rmse)
    figure = latent_space(points, facts, AXES, ("ndsi", "ndsi"), "lstm")
    colours = figure.axes[0].collections[1].get_cmap()
    assert np.abs(np.subtract(colours(0.0), colours(1.0))).max() < 0.02 and figure.axes[0].collections[1].get_clim() == (0, 1)
    low, high = figure.axes[2].collections[1].get_clim()
    assert low == pytest.approx(0.1) and high < 50 and np.isclose(high, np.nanpercentile(facts["rmse"], 98))


def test_nothing_known_and_one_value_alone_can_be_drawn():
    points, facts = windows()
    facts["mean_ndsi"], facts["rmse"] = np.nan, 0.3
    figure = latent_space(points, facts, AXES, ("ndsi", "ndsi"), "lstm")
    assert set(drawn(figure.axes[1]).values()) == {None}
    assert figure.axes[2].collections[1].get_clim() == pytest.approx((-0.2, 0.8))


def test_points_of_other_windows_are_refused():
    points, facts = windows()
    with pytest.raises(InputError, match=r"expected \(window, 2\) points for 12 windows, found \(11, 2\)"):
        latent_space(points[1:], facts, AXES, ("ndsi", "ndsi"), "lstm")
