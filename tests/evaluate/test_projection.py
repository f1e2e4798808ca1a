"""Principal components of points whose axes are known, and UMAP as far as it is asked for."""

import importlib.util
import sys
import textwrap

import numpy as np
import pytest

from glaciercast.errors import GlaciercastError, InputError
from glaciercast.evaluate import projection
from glaciercast.evaluate.projection import fit_pca

FIRST, SECOND = np.array([3.0, 0, 4, 0, 0]) / 5, np.array([4.0, 0, -3, 0, 12]) / 13
"""Orthonormal axes; of each the largest entry is positive."""
CENTRE = np.array([5.0, -2, 1, 0, 9])


def on_a_plane(rows: int = 40):
    """Return points on a plane in 5 dimensions and their coordinates along `FIRST` and `SECOND`, uncorrelated with variances 9 and 4."""
    angle = 2 * np.pi * np.arange(rows) / rows
    coordinates = np.stack([3 * np.cos(angle), 2 * np.sin(angle)], axis=1) * np.sqrt(2 * (rows - 1) / rows)
    return CENTRE + coordinates @ np.stack([FIRST, SECOND]), coordinates


def test_points_on_a_plane_give_its_axes_and_shares():
    points, coordinates = on_a_plane()
    fitted = fit_pca(points)
    np.testing.assert_allclose(fitted.axes[:2], [FIRST, SECOND], atol=1e-12)
    np.testing.assert_allclose(fitted.mean, CENTRE, atol=1e-12)
    np.testing.assert_allclose(fitted.variance, [9, 4, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(fitted.shares, [9 / 13, 4 / 13, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(fitted.transform(points), coordinates, atol=1e-12)
    assert fitted.labels == ("PC1 (69.2 % of the training variance)", "PC2 (30.8 % of the training variance)")


@pytest.mark.parametrize("shape", [(50, 6), (6, 50)])
def test_any_points_agree_with_numpy(shape):
    points = np.random.default_rng(3).normal(size=shape) * np.arange(1, shape[1] + 1)
    fitted = fit_pca(points.astype("float32"))
    _, singular, axes = np.linalg.svd(points.astype("float32") - points.astype("float32").mean(0, dtype="float64"), full_matrices=False)
    np.testing.assert_allclose(fitted.variance, singular**2 / (shape[0] - 1), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.abs((fitted.axes[:5] * axes[:5]).sum(1)), 1, rtol=1e-9)
    np.testing.assert_allclose(fitted.variance.sum(), points.var(0, ddof=1).sum(), rtol=1e-5)
    assert fitted.shares.sum() == pytest.approx(1)


def test_the_sign_hangs_neither_on_the_order_nor_on_the_sign_of_the_points():
    points = np.random.default_rng(0).normal(size=(30, 4)) * [4, 3, 2, 1]
    axes = fit_pca(points).axes
    np.testing.assert_allclose(fit_pca(points[::-1]).axes, axes, atol=1e-10)
    np.testing.assert_allclose(fit_pca(-points).axes, axes, atol=1e-10)
    assert (np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1) > 0).all()


@pytest.mark.parametrize(
    ("points", "error", "message"),
    [
        (np.eye(4)[:2], InputError, "expected at least 3 windows to fit axes on, found 2"),
        (np.arange(9.0)[:, None], InputError, "expected at least 2 numbers a window, found 1"),
        (np.full((9, 4), 0.1), GlaciercastError, "all 9 points are the same"),
        (np.where(np.eye(4) > 0, np.nan, 1.0), GlaciercastError, "expected finite numbers, found 4 others"),
    ],
)
def test_what_has_no_two_axes_is_refused(points, error, message):
    with pytest.raises(error, match=message):
        fit_pca(points)


def test_without_its_package_umap_is_refused_with_what_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"expected the package umap-learn, found none; pip install 'glaciercast\[umap\]', or use 'pca'"):
        projection.fit("umap", np.eye(9), seed=0)
    projection.check_method("pca")


@pytest.mark.parametrize(("rows", "neighbours"), [(9, 8), (40, 15)])
def test_umap_is_fitted_to_the_points_given_and_asked_for_the_others(monkeypatch, tmp_path, rows, neighbours):
    source = """
        class UMAP:
            def __init__(self, **given): self.given = given
            def fit(self, points): self.points = points; return self
            def transform(self, points): return points[:, :2] * 10
    """
    (tmp_path / "umap.py").write_text(textwrap.dedent(source))
    monkeypatch.delitem(sys.modules, "umap", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    points, others = np.random.default_rng(0).normal(size=(2, rows, 4))
    fitted = projection.fit("umap", points, seed=7)
    assert isinstance(fitted, projection.Umap) and fitted.shares is None and fitted.columns == ("umap1", "umap2")
    assert fitted.fitted.given == {"n_components": 2, "n_neighbors": neighbours, "random_state": 7, "n_jobs": 1}
    assert fitted.fitted.points is points
    np.testing.assert_array_equal(fitted.transform(others), others[:, :2] * 10)
    monkeypatch.delitem(sys.modules, "umap")
