"""How good a map of velocity is, told by itself: metrics of the Glacier Feature Tracking test (GLAFT).

Three things need no other measurement: how many vectors are missing, how far the ground off the ice seems to move, and whether the flow of
the ice strains as ice can. The narrower the peaks of their densities, the less noise there is; yet a tracker whose chips are too large
has narrow ones too, as it smooths the flow away.

Source: Zheng et al. (2023), The Cryosphere 17, 4063–4078.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from glaciercast.errors import InputError
from glaciercast.motion import density
from glaciercast.motion.stable import nmad
from glaciercast.motion.strain import flow_direction, strain_rate, turned
from glaciercast.motion.velocity import Velocity

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox


@dataclass(frozen=True)
class Quality:
    """Metrics of a map of velocity; NaN where there is nothing to measure them on.

    Attributes
    ----------
    vectors
        Nodes of the map.
    invalid_share, invalid_share_ice
        Share of them without a vector: of all, and of those on ice.
    stable_vectors
        Vectors on ground that does not move.
    stable_half_width_x, stable_half_width_y
        Half-width of the peak of their density at 2 σ, m/yr (δu and δv of the source).
    stable_peak_x, stable_peak_y
        Where that peak lies, m/yr: 0 unless the scenes are shifted.
    stable_nmad_x, stable_nmad_y
        Normalised median absolute deviation of their components, m/yr: 1 σ of Gaussian ones.
    stable_outside
        Share of them outside the box of the half-widths; about 0.09 where errors are Gaussian, more where there are blunders.
    strain_vectors
        Vectors on ice whose strain rate is known.
    strain_half_width_along, strain_half_width_shear
        Half-width at 2 σ of the density of their strain rates, along the flow and in shear, 1/yr (δx'x' and δx'y' of the source, whose
        software returns eight times these).
    strain_outside
        Share of them outside the box of the half-widths.
    """

    vectors: int
    invalid_share: float
    invalid_share_ice: float
    stable_vectors: int
    stable_half_width_x: float
    stable_half_width_y: float
    stable_peak_x: float
    stable_peak_y: float
    stable_nmad_x: float
    stable_nmad_y: float
    stable_outside: float
    strain_vectors: int
    strain_half_width_along: float
    strain_half_width_shear: float
    strain_outside: float

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as plain JSON types: None for NaN."""
        return {name: None if math.isnan(value) else value for name, value in dataclasses.asdict(self).items()}


def measure(velocity: Velocity, at: GeoBox, ice: np.ndarray | None, stable: np.ndarray | None, valid: np.ndarray) -> Quality:
    """Return the metrics of a map of velocity.

    Parameters
    ----------
    velocity
        m/yr, (y, x).
    at
        Its grid.
    ice, stable
        Ice, and ground that does not move, bool (y, x); None where they are not known.
    valid
        Which vectors are believed, bool (y, x); those without a velocity count as invalid.

    Raises
    ------
    InputError
        If shapes do not go together.
    """
    for name, values in (("vx", velocity.vx), ("vy", velocity.vy), ("ice", ice), ("stable", stable), ("valid", valid)):
        if values is not None and values.shape != tuple(at.shape):
            raise InputError(f"quality: expected {name} of shape {tuple(at.shape)}, found {values.shape}")
    known = believed(velocity, valid)
    still, rates = on_stable(velocity, known, stable), along_flow_strain(velocity, at, known, ice)
    off, on = density.peak_of(*still), density.peak_of(*rates)
    return Quality(
        vectors=known.size,
        invalid_share=1 - float(known.mean()),
        invalid_share_ice=math.nan if ice is None or not ice.any() else 1 - float(known[ice].mean()),
        stable_vectors=len(still[0]),
        stable_half_width_x=off.half_widths[0],
        stable_half_width_y=off.half_widths[1],
        stable_peak_x=off.u,
        stable_peak_y=off.v,
        stable_nmad_x=nmad(still[0]),
        stable_nmad_y=nmad(still[1]),
        stable_outside=off.outside(*still),
        strain_vectors=len(rates[0]),
        strain_half_width_along=on.half_widths[0],
        strain_half_width_shear=on.half_widths[1],
        strain_outside=on.outside(*rates),
    )


def believed(velocity: Velocity, valid: np.ndarray) -> np.ndarray:
    """Return which vectors there are, bool (y, x)."""
    known: np.ndarray = valid & np.isfinite(velocity.vx) & np.isfinite(velocity.vy)
    return known


def on_stable(velocity: Velocity, known: np.ndarray, stable: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return both components of the vectors on stable ground, float64 (vector,) each, m/yr."""
    chosen = known & (False if stable is None else stable)
    return velocity.vx[chosen].astype("float64"), velocity.vy[chosen].astype("float64")


def along_flow_strain(velocity: Velocity, at: GeoBox, known: np.ndarray, ice: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the strain rates along the flow and in shear wherever 3×3 vectors on ice are known, float64 (vector,) each, 1/yr."""
    chosen = known & (False if ice is None else ice)
    vx, vy = (np.where(chosen, values, np.nan) for values in (velocity.vx, velocity.vy))
    rate = turned(strain_rate(vx, vy, at), flow_direction(vx, vy, at))
    complete = np.isfinite(rate.xx) & np.isfinite(rate.xy)
    return rate.xx[complete], rate.xy[complete]
