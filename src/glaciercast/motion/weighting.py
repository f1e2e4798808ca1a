"""How much of each frequency two scenes share once aligned, which decides what the tracker matches (`filters`)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from glaciercast.motion import chips, coarse, filters, matching, textures
from glaciercast.motion.coarse import Both
from glaciercast.motion.matching import Lattice, Pair
from glaciercast.motion.textures import Transformed

SAMPLE, MOST = 384, 2
"""Side of the tiles on which coherence is measured, pixels, and how many at most along each side of a scene."""
ALIGNED, CHIP, MEASURED = 8, 48, 0.4
"""Nodes and chips that align these tiles, pixels, and the share of a chip that has to be usable."""


class Texture:
    """Two images of which texture is made, under any weight of frequencies.

    Parameters
    ----------
    images
        Without gaps (`filters.filled`), float32 (y, x) each.
    usable
        Where each may be used, bool (y, x).
    """

    def __init__(self, images: Both, usable: Both) -> None:
        self.usable = usable
        self.planes = Transformed(images[0], usable[0]), Transformed(images[1], usable[1])
        self.flags = usable[0].view("uint8"), usable[1].view("uint8")

    @cached_property
    def power(self) -> np.ndarray:
        """The geometric mean of the power of both images on each ring, (ring,)."""
        one, two = filters.of_both(Transformed.power, *self.planes)
        return np.asarray(np.sqrt(one * two))

    def pair(self, weight: np.ndarray) -> Pair:
        """Return both textures under the amplitudes `weight` (ring,)."""
        return Pair(*filters.of_both(lambda plane: plane.texture(weight), *self.planes), *self.flags)


def shared(images: Both, texture: Texture, field: np.ndarray, at: Lattice, reach: int) -> np.ndarray:
    """Return the coherence of the scenes once aligned, (ring,), of some tiles of `SAMPLE` pixels spread over them."""
    height, width = images[0].shape
    weight = filters.half_whitening(texture.power)

    def spectra(place: tuple[int, int]) -> np.ndarray:
        top, left = place
        part = slice(top, min(top + SAMPLE, height)), slice(left, min(left + SAMPLE, width))
        one, two, ok1, ok2 = (np.ascontiguousarray(layer[part]) for layer in (*images, *texture.usable))
        pair = Texture((one, two), (ok1, ok2)).pair(weight)
        nodes = matching.lattice(pair.first.shape, ALIGNED, ALIGNED // 2)
        there = Lattice(nodes.rows + top, nodes.columns + left, nodes.step)
        start = coarse.onto(pair, coarse.moved(field, at, there), nodes, nodes, reach)
        found, _ = chips.converge(pair, start, nodes, CHIP, 2, MEASURED)
        deformed = matching.deform(pair, chips.led(found), nodes)
        return filters.cross_spectra(deformed.first, deformed.second, deformed.seen)

    places = [(top, left) for top in textures.starts(height, SAMPLE, MOST) for left in textures.starts(width, SAMPLE, MOST)]
    with ThreadPoolExecutor(filters.threads(), "motion") as pool:
        return filters.coherence(np.sum(list(pool.map(spectra, places)), axis=0))
