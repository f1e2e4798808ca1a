"""Where scenes lie: matched with frames of the first years that are nearest in season, and with the relief as the sun lights it.

Snow and shadows move with the season, and a match follows them: scenes of the same time of year lie apart by what they are off by, scenes
of other seasons by a good tenth of a pixel more. So a scene is matched with the frames nearest in season, one by one. Where the terrain is
known it is also matched with the light that its own sun sends onto it (`shading`), which ties it to the elevation model. What the matches
say is averaged. The frames themselves are tied to each other and to the relief in the same way and adjusted together (`network`);
without terrain their mean error, which no comparison of scenes can see, stays. Nothing later changes the frames: where a scene lies depends
on itself, them and the terrain, whatever the order of work and whoever does it.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from glaciercast import config
from glaciercast.cube import coregister, network
from glaciercast.cube.coregister import CoregistrationConfig, Textured
from glaciercast.cube.coregister_move import Match
from glaciercast.cube.network import ANCHOR, Pair
from glaciercast.cube.registration import Frame, Registration, back, nanoseconds, season_apart
from glaciercast.cube.shading import Relief
from glaciercast.errors import GlaciercastError
from glaciercast.progress import note, track
from glaciercast.sources.scene import Sun

TRIES = 3
"""Frames that are tried for each that is wanted, as some show too little of the same ground."""
REMEMBERED = 24
"""Frames whose texture is kept for the next scene, which mostly wants the same."""
PENUMBRA = 2
"""Pixels around shadows that are left out, as the scene's may lie so far off."""
DARK = 0.02
"""Reflectance below which differences are noise; its logarithm is compared with that of the light."""


@dataclass(frozen=True)
class References:
    """The frames of a reference and where they belong.

    Attributes
    ----------
    times
        Times of the frames, datetime64[ns] (frame,), increasing.
    frames
        Their values as read, float32 (frame, y, x); NaN where not clear.
    shifts
        By how much each has to be moved, columns and rows in pixels, float64 (frame, 2).
    stable
        Where the ground does not move, bool (y, x).
    relief
        Terrain, where it is known and wanted.
    """

    times: np.ndarray
    frames: np.ndarray
    shifts: np.ndarray
    stable: np.ndarray
    settings: Registration
    relief: Relief | None = None
    _made: dict[int, Textured] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def build(cls, frames: Iterable[Frame], stable: np.ndarray | None, settings: Registration, relief: Relief | None = None) -> References:
        """Return the reference that `frames` make, tied to each other; those that show too little ground or fit nothing are left out.

        Parameters
        ----------
        frames
            Scenes of the reference's years, of one product, in any order. All are in memory at once: 4 bytes a pixel and frame.
        stable
            Where the ground does not move, bool (y, x), such as off the glacier's outline; None without an outline: everywhere.
        relief
            Terrain on the same grid, None where it is not known.

        Raises
        ------
        InputError
            If the shapes differ.
        """
        if stable is None:
            note("co-registration: no outline, so that all ground counts as stable")
        kept = sorted(_usable(frames, stable, settings), key=lambda one: one.time)
        if stable is None:
            stable = np.ones(kept[0].values.shape if kept else (0, 0), bool)
        times = np.array([one.time for one in kept], dtype="datetime64[ns]")
        stack = np.stack([one.values for one in kept]) if kept else np.empty((0, *stable.shape), "float32")
        terrain = relief if settings.relief else None
        loose = cls(times, stack, np.zeros((len(kept), 2)), np.asarray(stable, bool), settings, terrain)
        return loose._tied([one.sun for one in kept]) if kept else loose

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that a match depends on."""
        told = hashlib.sha256(config.digest(config.plain(self.settings)).encode())
        terrain = [] if self.relief is None else [self.relief.elevation, self.relief.slope, self.relief.aspect]
        for array in (self.times.astype("int64"), self.frames, self.shifts, self.stable, *terrain):
            told.update(np.ascontiguousarray(array).tobytes())
        return told.hexdigest()

    def place(self, scene: Frame) -> Match:
        """Return where a scene lies; frames of the reference are matched with the others.

        ``columns``, ``rows``, ``matrix``, ``correlation`` and ``valid`` are weighted means over what it was matched with. A scene that only
        the relief or only few frames fit is accepted; one about whose place they differ is not.

        Raises
        ------
        InputError
            If the shape is not that of the reference.
        """
        if self.relief is None and self.times.size < self.settings.least:
            return coregister.refused(f"reference of {self.times.size} frames with clear stable ground, at least {self.settings.least}")
        return self._together(list(self._matches(scene, self.settings)))

    def save(self, path: Path, key: str) -> None:
        """Keep the reference as a Zarr store at `path`; `key` says what it was made from. Either all of it is there or nothing."""
        import zarr

        partial = path.with_name(f"{path.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        group = zarr.open_group(partial, mode="w", zarr_format=3)
        arrays = {"times": self.times.astype("int64"), "shifts": self.shifts, "stable": self.stable, "frames": self.frames}
        for name, values in arrays.items():
            chunks = (1, *values.shape[1:]) if name == "frames" else values.shape
            group.create_array(name, data=np.ascontiguousarray(values), chunks=tuple(max(1, size) for size in chunks))
        group.attrs.update({"key": key, "sha256": self.digest})
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, key: str, settings: Registration, relief: Relief | None = None) -> References | None:
        """Return the reference kept at `path`, or None if there is none or it was made from something else.

        The terrain is not kept with it; give that which `build` got.

        Raises
        ------
        GlaciercastError
            If the content or the terrain is not what it was.
        """
        import zarr

        if not (path / "zarr.json").is_file():
            return None
        group = zarr.open_group(path, mode="r")
        if group.attrs["key"] != key:
            return None
        times, frames, shifts, stable = (np.asarray(group[name]) for name in ("times", "frames", "shifts", "stable"))
        found = cls(times.astype("datetime64[ns]"), frames, shifts, stable, settings, relief if settings.relief else None)
        if found.digest != group.attrs["sha256"]:
            raise GlaciercastError(f"{path}: the reference of the co-registration differs from what was kept; delete it and build again")
        return found

    def _matches(self, scene: Frame, settings: CoregistrationConfig) -> Iterator[tuple[int, Match]]:
        """Yield the match with the relief (`ANCHOR`), then those with frames nearest in season, until enough are accepted."""
        if self.relief is not None and scene.sun is not None and scene.sun.elevation > 0:
            yield ANCHOR, self._on_relief(self.relief.image(scene.sun), scene, settings)
        texture = coregister.textured(scene.values, scene.clear, self.stable, settings)
        time = nanoseconds(scene.time)
        order = [int(index) for index in np.argsort(season_apart(self.times, time), kind="stable") if self.times[index] != time]
        accepted = 0
        for index in order[: TRIES * self.settings.nearest]:
            found = coregister.match(self._texture(index), texture, settings)
            accepted += found.accepted
            yield index, found
            if accepted == self.settings.nearest:
                return

    def _on_relief(self, light: np.ndarray, scene: Frame, settings: CoregistrationConfig) -> Match:
        from scipy.ndimage import binary_erosion

        lit = binary_erosion(np.isfinite(light), iterations=PENUMBRA)  # of the scene too: what is around a pixel is part of its texture
        bright = np.log(np.maximum(scene.values, np.float32(DARK)))
        shown = (
            coregister.textured(light, lit, self.stable, settings),
            coregister.textured(bright, scene.clear & lit, self.stable, settings),
        )
        return coregister.match(*shown, settings)

    def _texture(self, index: int) -> Textured:
        if index not in self._made:
            while len(self._made) >= REMEMBERED:
                self._made.pop(next(iter(self._made)))
            values = self.frames[index]
            self._made[index] = coregister.textured(values, np.isfinite(values), self.stable, self.settings)
        return self._made[index]

    def _together(self, tried: list[tuple[int, Match]]) -> Match:
        good = [(index, one) for index, one in tried if one.accepted]
        if not good:
            return _none_fits([one for _, one in tried])
        weights = np.array([network.weight(one) for _, one in good])
        own = np.array([(0.0, 0.0) if index == ANCHOR else self.shifts[index] for index, _ in good])
        matrices = np.array([one.matrix @ back(shift) for (_, one), shift in zip(good, own, strict=True)])
        shifts = np.array([(one.columns, one.rows) for _, one in good]) + own
        weights *= network.trusted(shifts)
        matrix, (columns, rows) = (np.average(each, axis=0, weights=weights) for each in (matrices, shifts))
        correlation, valid = np.average([(one.correlation, one.valid) for _, one in good], axis=0, weights=weights)
        spread = float(np.sqrt(np.average(((shifts - (columns, rows)) ** 2).sum(axis=1), weights=weights)))
        reason = self._doubts(spread, len(good), max(abs(columns), abs(rows)))
        return Match(float(columns), float(rows), float(correlation), float(valid), matrix, not reason, reason)

    def _doubts(self, spread: float, number: int, size: float) -> str:
        if spread > self.settings.agreement:
            return f"{number} matches differ by {spread:.2f} pixels, at most {self.settings.agreement:g}"
        return f"shift of {size:.1f} pixels, at most {self.settings.max_shift:g}" if size > self.settings.max_shift else ""

    def _tied(self, suns: list[Sun | None]) -> References:
        """Return the reference with its frames where the matches between them say, without those that fit nothing."""
        still = self.settings.model_copy(update={"motion": "translation"})
        pairs: dict[tuple[int, int], Pair] = {}
        for second, time in enumerate(track(self.times, "Tying the frames of the reference")):
            values = self.frames[second]
            for first, one in self._matches(Frame(time, values, np.isfinite(values), suns[second]), still):
                if one.accepted and (second, first) not in pairs:
                    pairs[first, second] = Pair(first, second, one.columns, one.rows, network.weight(one))
        kept = network.connected(self.times.size, list(pairs.values()))
        if kept.size < self.times.size:
            note(
                f"co-registration: {self.times.size - kept.size} of {self.times.size} frames fit no other and are not part of the reference"
            )
        place = {int(old): new for new, old in enumerate(kept)} | {ANCHOR: ANCHOR}
        joined = [one._replace(first=place[one.first], second=place[one.second]) for one in pairs.values() if one.second in place]
        shifts = network.adjust(kept.size, joined, self.settings.jitter)
        return References(self.times[kept], self.frames[kept], shifts, self.stable, self.settings, self.relief)


def _none_fits(found: list[Match]) -> Match:
    if not found:
        return coregister.refused("no frame to match it with, and no relief or sun")
    reasons = Counter(one.reason for one in found)
    reason = reasons.most_common(1)[0][0]
    return coregister.refused(reason if len(reasons) == 1 else f"none of {len(found)} matches: {reason}", max(one.valid for one in found))


def _usable(frames: Iterable[Frame], stable: np.ndarray | None, settings: Registration) -> Iterator[Frame]:
    for one in frames:
        coregister.check(one.values, one.clear, one.clear if stable is None else stable)
        values = np.where(one.clear, one.values, np.float32(np.nan)).astype("float32")
        seen = np.isfinite(values) if stable is None else np.isfinite(values) & stable
        if seen.mean() >= settings.min_valid:
            yield Frame(nanoseconds(one.time), values, np.isfinite(values), one.sun)
