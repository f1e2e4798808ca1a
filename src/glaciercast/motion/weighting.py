"""How much of each frequency two scenes share once aligned, which decides what the tracker matches (`filters`)."""

from __future__ import annotations

import numpy as np

from glaciercast.motion import chips, coarse, filters, matching
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
        self.planes = filters.of_both(lambda k: Transformed(images[k], usable[k]), 0, 1)
        self.power = np.sqrt(self.planes[0].power() * self.planes[1].power())
        self.flags = usable[0].astype("uint8"), usable[1].astype("uint8")

    def pair(self, weight: np.ndarray) -> Pair:
        """Return both textures under the amplitudes `weight` (ring,)."""
        return Pair(*filters.of_both(lambda plane: plane.texture(weight), *self.planes), *self.flags)


def shared(images: Both, texture: Texture, field: np.ndarray, at: Lattice, reach: int) -> np.ndarray:
    """Return the coherence of the scenes once aligned, (ring,), of some tiles of `SAMPLE` pixels spread over them."""
    height, width = images[0].shape
    sums = np.zeros((3, filters.BINS))
    for top in spread(height):
        for left in spread(width):
            part = slice(top, min(top + SAMPLE, height)), slice(left, min(left + SAMPLE, width))
            tile = Texture((images[0][part], images[1][part]), (texture.usable[0][part], texture.usable[1][part]))
            pair = tile.pair(filters.half_whitening(texture.power))
            nodes = matching.lattice(pair.first.shape, ALIGNED, ALIGNED // 2)
            there = Lattice(nodes.rows + top, nodes.columns + left, nodes.step)
            start = coarse.onto(pair, coarse.moved(field, at, there), nodes, nodes, reach)
            found, _ = chips.converge(pair, start, nodes, CHIP, 2, MEASURED)
            deformed = matching.deform(pair, chips.led(found), nodes)
            sums += filters.cross_spectra(deformed.first, deformed.second, deformed.seen)
    return filters.coherence(sums)


def spread(size: int) -> list[int]:
    """Return where tiles begin along an axis of `size` pixels: all of it if that takes no more than `MOST`, else as many, evenly."""
    number = min(MOST, max(1, round(size / SAMPLE)))
    return [int(start) for start in np.linspace(0, max(size - SAMPLE, 0), number)]
