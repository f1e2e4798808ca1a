"""Many numbers a window as two that can be drawn: principal components, or UMAP; both are fitted on the training part alone."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from glaciercast.errors import GlaciercastError, InputError

Array = NDArray[np.float64]
Method = Literal["pca", "umap"]
FEWEST = 3
"""Points from which two axes can be fitted."""
NEIGHBOURS = 15
"""Neighbours of a point that UMAP keeps together, if there are so many (the library's default)."""


class Projection(Protocol):
    """A fitted map from points to a plane; `columns` name its two coordinates in tables, and `labels` in figures."""

    @property
    def columns(self) -> tuple[str, str]: ...  # noqa: D102
    @property
    def labels(self) -> tuple[str, str]: ...  # noqa: D102
    @property
    def shares(self) -> Array | None:
        """Share of the variance of the points along each axis, if axes mean that."""

    def transform(self, points: NDArray[Any]) -> Array:
        """Return where points (n, D) lie in the plane, (n, 2)."""


def fit(method: Method, points: NDArray[Any], seed: int) -> Projection:
    """Fit a projection to points (n, D); `seed` is for UMAP, principal components need none.

    Raises
    ------
    InputError, GlaciercastError
        As `fit_pca` and `Umap`.
    """
    return fit_pca(points) if method == "pca" else Umap(points, seed)


@dataclass(frozen=True)
class Pca:
    """Principal axes of a cloud of points.

    Attributes
    ----------
    mean
        (D,), the centre.
    axes
        (k, D), orthonormal, k = min(points, D), that of the largest variance first; of each, the entry that is largest in size is positive.
    variance
        (k,), along each axis, with n − 1 in the denominator; unit of the points squared.
    """

    columns: ClassVar[tuple[str, str]] = ("pc1", "pc2")
    mean: Array
    axes: Array
    variance: Array

    @property
    def labels(self) -> tuple[str, str]:
        """Labels with the shares of the variance."""
        first, second = (f"{share:.1%}".replace("%", " %") for share in self.shares[:2])
        return f"PC1 ({first} of the training variance)", f"PC2 ({second} of the training variance)"

    @property
    def shares(self) -> Array:
        """Share of the total variance along each axis, (k,); they sum to 1."""
        shares: Array = self.variance / self.variance.sum()
        return shares

    def transform(self, points: NDArray[Any]) -> Array:
        """Return the coordinates of points (n, D) along the first two axes, (n, 2)."""
        coordinates: Array = (np.asarray(points, np.float64) - self.mean) @ self.axes[:2].T
        return coordinates


def fit_pca(points: NDArray[Any]) -> Pca:
    """Fit principal axes by singular value decomposition of the centred points (Pearson 1901; Jolliffe 2002, sections 3.5 and 10).

    Points are centred and not scaled: what a network makes little of stays small.

    Parameters
    ----------
    points
        (n, D).

    Raises
    ------
    InputError
        If there are fewer than `FEWEST` points, or fewer than two numbers a point.
    GlaciercastError
        If a number is not finite, or all points are the same.
    """
    points = np.asarray(points, np.float64)
    check_size(points)
    if not np.isfinite(points).all():
        raise GlaciercastError(f"principal components: expected finite numbers, found {np.count_nonzero(~np.isfinite(points))} others")
    mean = points.mean(axis=0)
    _, singular, axes = np.linalg.svd(points - mean, full_matrices=False)
    if singular[0] <= np.finfo(np.float64).eps * np.abs(points).max() * len(points):
        raise GlaciercastError(f"principal components: all {len(points)} points are the same, there are no axes")
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return Pca(mean, axes * np.where(largest < 0, -1.0, 1.0), singular**2 / (len(points) - 1))


class Umap:
    """Uniform manifold approximation and projection to a plane (McInnes, Healy & Melville 2018, arXiv:1802.03426).

    Neighbours stay neighbours as far as they can; axes, distances between groups and their sizes mean nothing. The package umap-learn
    does it, which is optional.

    Parameters
    ----------
    points
        (n, D), on which it is fitted.
    seed
        Of its random start.

    Raises
    ------
    InputError
        If the package is missing, or there are fewer than `FEWEST` points, or fewer than two numbers a point.
    """

    columns = ("umap1", "umap2")
    labels = ("UMAP 1 (no unit)", "UMAP 2 (no unit)")
    shares = None

    def __init__(self, points: NDArray[Any], seed: int) -> None:
        check_size(points)
        check_method("umap")
        library = importlib.import_module("umap")
        neighbours = min(NEIGHBOURS, len(points) - 1)
        self.fitted = library.UMAP(n_components=2, n_neighbors=neighbours, random_state=seed, n_jobs=1).fit(points)

    def transform(self, points: NDArray[Any]) -> Array:
        """Return where points (n, D) lie in the plane, (n, 2)."""
        return np.asarray(self.fitted.transform(points), np.float64)


def check_method(method: Method) -> None:
    """Refuse a method whose package is missing, before anything is computed.

    Raises
    ------
    InputError
        With what installs it.
    """
    if method == "umap" and importlib.util.find_spec("umap") is None:
        raise InputError("method 'umap': expected the package umap-learn, found none; pip install 'glaciercast[umap]', or use 'pca'")


def check_size(points: NDArray[Any]) -> None:
    """Refuse too few points, or too few numbers a point, for two axes.

    Raises
    ------
    InputError
        Naming how many there are.
    """
    if len(points) < FEWEST:
        raise InputError(f"embeddings: expected at least {FEWEST} windows to fit axes on, found {len(points)}")
    if points.shape[1] < 2:
        raise InputError(f"embeddings: expected at least 2 numbers a window, found {points.shape[1]}")
