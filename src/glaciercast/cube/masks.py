"""Which pixels are clear: by class (Sentinel-2 SCL), by bit (Landsat QA_PIXEL), and, over snow, by what the reflectance says itself.

The masks of both products take bright ice for cloud, and thin cloud for ice. `MaskPolicy` says whom to believe; its defaults were chosen by
measurement (``docs/science/clouds-over-ice.md``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from glaciercast.config import Config
from glaciercast.cube.indices import ndsi
from glaciercast.errors import InputError

Quality = Literal["qa_pixel", "scl"]
PolicyName = Literal["bits", "bits_confidence", "bits_strict", "snow_overrules", "spectra_overrule"]
Where = Literal["outline", "box"]

SCL_CLEAR = (2, 4, 5, 6, 7, 11)
"""Sentinel-2 scene classes kept by default: dark or shadowed, vegetation, bare, water, unclassified, snow and ice."""
SCL_STRICT = (4, 5, 6, 11)
"""As `SCL_CLEAR` without shadowed terrain and unclassified pixels."""
SCL_UNSURE = (8, 10)
"""Cloud of medium probability and thin cirrus."""
QA_PIXEL_REJECTED = (0, 1, 2, 3, 4)
"""Landsat Collection 2 QA_PIXEL bits: fill, dilated cloud, cirrus, cloud, cloud shadow."""

_CLOUD: dict[str, tuple[int, ...]] = {"qa_pixel": (1, 3), "scl": (8, 9)}
_CIRRUS: dict[str, tuple[int, ...]] = {"qa_pixel": (2,), "scl": (10,)}
_SHADOW: dict[str, tuple[int, ...]] = {"qa_pixel": (4,), "scl": (3,)}
_CLOUD_CONFIDENCE, _SHADOW_CONFIDENCE, _SNOW_CONFIDENCE, _CIRRUS_CONFIDENCE = 8, 10, 12, 14
_MEDIUM, _HIGH = 2, 3
_ENOUGH = 100
"""Pixels of clear snow and ice from which the scene's own temperature is taken; with fewer, no flag is overruled."""


class MaskPolicy(Config):
    """Whom to believe about cloud over snow and ice.

    - ``bits``: the product's flags alone.
    - ``bits_confidence``: only cloud, cirrus and shadow of high confidence are rejected, and snow of high confidence is kept.
    - ``bits_strict``: cloud of medium confidence is rejected too; of SCL, only the sure classes of surfaces are kept.
    - ``snow_overrules``: what is flagged as cloud is kept where its reflectance is that of snow or ice.
    - ``spectra_overrule``: besides, what has no flag is rejected where it is as bright in the green and at 1.6 µm as only cloud is.

    The last two look anywhere in the box, or only inside the outline if `where` says so; elsewhere they are ``bits``.
    """

    name: PolicyName = "snow_overrules"
    where: Where = Field(
        default="box", description="box: reflectance overrules flags anywhere; outline: only on the glacier, if it is known"
    )
    min_ndsi: float = Field(default=0.4, ge=-1, le=1, description="snow and ice have at least this NDSI")
    min_green: float = Field(default=0.0, description="and this reflectance in the green")
    max_swir16: float | None = Field(default=0.15, description="and at most this at 1.6 µm, where cloud is bright; null: not tested")
    max_cooling: float | None = Field(
        default=None,
        ge=0,
        description="K that they may be colder than the scene's clear snow and ice, where there is a thermal band; null: not tested",
    )
    cirrus: bool = Field(default=False, description="snow overrules the flag of thin cirrus too")
    cloud_green: float = Field(default=0.4, description="spectra_overrule: cloud has at least this reflectance in the green")
    cloud_swir16: float = Field(default=0.3, description="spectra_overrule: and at least this at 1.6 µm")

    @property
    def bands(self) -> tuple[Literal["green", "swir16"], ...]:
        """Bands without which `clear` can't decide."""
        return ("green", "swir16") if self.name in ("snow_overrules", "spectra_overrule") else ()


def clear_by_class(classes: np.ndarray, keep: Iterable[int]) -> np.ndarray:
    """Return where `classes` (integers, any shape) is one of `keep`, bool of the same shape."""
    clear = np.zeros(classes.shape, bool)
    for kind in keep:  # a few comparisons cost less than a search in a set
        clear |= classes == kind
    return clear


def clear_by_bits(quality: np.ndarray, reject: Iterable[int]) -> np.ndarray:
    """Return where none of the bits `reject` (0 = least significant) is set in `quality`, bool of the same shape."""
    flags = np.uint32(sum(1 << bit for bit in reject))
    clear: np.ndarray = (quality.astype(np.uint32) & flags) == 0
    return clear


def clear(
    policy: MaskPolicy,
    quality: Quality,
    values: np.ndarray,
    valid: np.ndarray,
    bands: Mapping[str, np.ndarray],
    ice: np.ndarray | None,
) -> np.ndarray:
    """Return which pixels of one scene are clear under a policy, bool, shape of `values`.

    Parameters
    ----------
    policy
        Whom to believe.
    quality
        ``qa_pixel`` (Landsat Collection 2, bits) or ``scl`` (Sentinel-2 Level-2A, classes).
    values
        The raw quality band, integer (y, x).
    valid
        Where it has data, bool (y, x).
    bands
        ``green`` and ``swir16`` (reflectance, 1), float (y, x), NaN without data; ``thermal`` (K) where the product has it. Pixels
        without reflectance are not clear.
    ice
        The glacier's outline, bool (y, x); None where none is known: then a policy with ``where="outline"`` overrules nothing.

    Raises
    ------
    InputError
        If a band is missing that the policy needs.
    """
    if missing := [name for name in policy.bands if name not in bands]:
        raise InputError(f"mask policy {policy.name}: expected the bands green and swir16, missing: {', '.join(missing)}")
    usable = possibly_clear(policy, quality, values, valid, ice)
    for name in ("green", "swir16"):
        if name in bands:
            usable &= np.isfinite(bands[name])
    area = _area(policy, values.shape, ice)
    if area is None:
        return usable
    unflagged = _unflagged(quality, values)
    usable &= unflagged | _looks_like_ice(policy, bands, usable & unflagged & area)
    if policy.name == "spectra_overrule":
        usable &= ~(area & (bands["green"] >= policy.cloud_green) & (bands["swir16"] >= policy.cloud_swir16))
    return usable


def possibly_clear(policy: MaskPolicy, quality: Quality, values: np.ndarray, valid: np.ndarray, ice: np.ndarray | None) -> np.ndarray:
    """Return which pixels `clear` may call clear, before any reflectance is read: never fewer than it does.

    Parameters as for `clear`. For the policies that look at flags only it is their answer.
    """
    usable = valid.astype(bool)
    if policy.name == "bits_confidence":
        usable &= _not_surely_cloud(quality, values)
    elif policy.name == "bits_strict":
        usable &= _surely_clear(quality, values)
    elif (area := _area(policy, values.shape, ice)) is not None:
        doubted = _CLOUD[quality] + (_CIRRUS[quality] if policy.cirrus else ())
        usable &= _unflagged(quality, values) | (area & _unflagged(quality, values, doubted))
    else:
        usable &= _unflagged(quality, values)
    return usable


def report(
    policy: MaskPolicy,
    quality: Quality,
    values: np.ndarray,
    valid: np.ndarray,
    bands: Mapping[str, np.ndarray],
    ice: np.ndarray | None,
) -> dict[str, Any]:
    """Return what a policy makes of one scene, as shares of the pixels with data; parameters as for `clear`.

    Returns
    -------
    dict
        ``clear`` under the policy; ``cloud``, ``cirrus`` and ``shadow`` by the product's flags (one pixel may carry several);
        ``returned``, flagged and kept nevertheless; ``removed``, kept by the flags and rejected nevertheless; ``ice``, the same inside
        the outline, or None. All None where nothing has data.
    """
    seen = valid.astype(bool)
    kept = clear(policy, quality, values, valid, bands, ice)
    by_flags = clear(MaskPolicy(name="bits"), quality, values, valid, bands, ice)
    layers = {
        "clear": kept,
        "cloud": ~_without(quality, values, _CLOUD[quality]),
        "cirrus": ~_without(quality, values, _CIRRUS[quality]),
        "shadow": ~_without(quality, values, _SHADOW[quality]),
        "returned": kept & ~by_flags,
        "removed": by_flags & ~kept,
    }
    inside = None if ice is None else _shares(layers, seen & ice)
    return {**_shares(layers, seen), "ice": inside}


def _area(policy: MaskPolicy, shape: tuple[int, ...], ice: np.ndarray | None) -> np.ndarray | None:
    """Where reflectance may overrule the flags; None: nowhere."""
    if not policy.bands:
        return None
    return np.ones(shape, bool) if policy.where == "box" else ice


def _shares(layers: Mapping[str, np.ndarray], area: np.ndarray) -> dict[str, float | None]:
    return {name: float(layer[area].mean()) if area.any() else None for name, layer in layers.items()}


def _without(quality: Quality, values: np.ndarray, flags: tuple[int, ...]) -> np.ndarray:
    return clear_by_bits(values, flags) if quality == "qa_pixel" else ~clear_by_class(values, flags)


def _unflagged(quality: Quality, values: np.ndarray, doubted: tuple[int, ...] = ()) -> np.ndarray:
    """What the product calls clear if the flags `doubted` are not believed."""
    if quality == "qa_pixel":
        return clear_by_bits(values, set(QA_PIXEL_REJECTED) - set(doubted))
    return clear_by_class(values, SCL_CLEAR + doubted)


def _confidence(values: np.ndarray, lowest_bit: int) -> np.ndarray:
    level: np.ndarray = (values.astype(np.uint32) >> np.uint32(lowest_bit)) & np.uint32(3)
    return level


def _not_surely_cloud(quality: Quality, values: np.ndarray) -> np.ndarray:
    if quality == "scl":
        return clear_by_class(values, SCL_CLEAR + SCL_UNSURE)
    sure: np.ndarray = np.zeros(values.shape, bool)
    for bit in (_CLOUD_CONFIDENCE, _SHADOW_CONFIDENCE, _CIRRUS_CONFIDENCE):
        sure |= _confidence(values, bit) == _HIGH
    sure &= _confidence(values, _SNOW_CONFIDENCE) != _HIGH
    return np.asarray(~sure & clear_by_bits(values, (0,)))


def _surely_clear(quality: Quality, values: np.ndarray) -> np.ndarray:
    if quality == "scl":
        return clear_by_class(values, SCL_STRICT)
    sure = clear_by_bits(values, QA_PIXEL_REJECTED)
    sure &= _confidence(values, _CLOUD_CONFIDENCE) < _MEDIUM
    return sure


def _looks_like_ice(policy: MaskPolicy, bands: Mapping[str, np.ndarray], clear_ice: np.ndarray) -> np.ndarray:
    """Tell snow and ice from cloud by their reflectance: they absorb at 1.6 µm, droplets and small crystals do not (Dozier 1989)."""
    dark = np.maximum(bands["swir16"], 0)  # over shaded ice the correction for haze often ends a little below 0: that is ice, not unknown
    looks: np.ndarray = ndsi(bands["green"], dark) >= policy.min_ndsi
    looks &= bands["green"] >= policy.min_green
    if policy.max_swir16 is not None:
        looks &= bands["swir16"] <= policy.max_swir16
    if policy.max_cooling is not None and "thermal" in bands:
        reference = bands["thermal"][clear_ice & looks & np.isfinite(bands["thermal"])]
        coldest = float(np.median(reference)) - policy.max_cooling if reference.size >= _ENOUGH else np.inf
        looks &= bands["thermal"] >= coldest
    return looks
