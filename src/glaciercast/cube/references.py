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
from dataclasses import dataclass, field, replace
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
KEPT = ("times", "frames", "shifts", "covariance", "stable")
"""What of a reference is kept beside the cube."""
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
    covariance
        Of the errors of these along each axis, px², float64 (frame, frame).
    stable
        Where the ground does not move, bool (y, x).
    relief
        Terrain, where it is known and wanted.
    """

    times: np.ndarray
    frames: np.ndarray
    shifts: np.ndarray
    covariance: np.ndarray
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
        loose = cls(times, stack, np.zeros((len(kept), 2)), np.zeros((len(kept),) * 2), np.asarray(stable, bool), settings, terrain)
        return loose._tied([one.sun for one in kept]) if kept else loose

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that a match depends on."""
        told = hashlib.sha256(config.digest(config.plain(self.settings)).encode())
        terrain = [] if self.relief is None else [self.relief.elevation, self.relief.slope, self.relief.aspect]
        for array in (self.times.astype("int64"), self.frames, self.shifts, self.covariance, self.stable, *terrain):
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
        arrays = {name: getattr(self, name) for name in KEPT} | {"times": self.times.astype("int64")}
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
        times, frames, shifts, covariance, stable = (np.asarray(group[name]) for name in KEPT)
        terrain = relief if settings.relief else None
        found = cls(times.astype("datetime64[ns]"), frames, shifts, covariance, stable, settings, terrain)
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
        """Return the weighted mean of the accepted matches that agree, each from where its frame belongs."""
        good = [(index, one) for index, one in tried if one.accepted]
        if not good:
            return _none_fits([one for _, one in tried])
        shifts = np.array([(one.columns, one.rows) for _, one in good]) + [self._own(index) for index, _ in good]
        good, shifts = [pair for pair, near in zip(good, network.trusted(shifts), strict=True) if near], shifts[network.trusted(shifts)]
        index, errors = np.array([index for index, _ in good]), np.array([one.error for _, one in good])
        variances = network.variances(index, errors, self.covariance)
        weights = (1 / variances) / (1 / variances).sum()
        matrix = np.average([one.matrix @ back(self._own(number)) for number, one in good], axis=0, weights=weights)
        columns, rows = (float(value) for value in weights @ shifts)
        correlation, valid = (float(value) for value in weights @ np.array([(one.correlation, one.valid) for _, one in good]))
        away = np.hypot(*(shifts - (columns, rows)).T)
        spread = float(np.sqrt(weights @ away**2))
        beside_mean = self.times.size >= self.settings.least  # where all lie together is nothing that a series sees
        error = network.error_of_mean(index, weights, errors, self.covariance, away, beside_mean)
        reason = self._doubts(spread, error, len(good), max(abs(columns), abs(rows)))
        return Match(columns, rows, correlation, valid, matrix, not reason, reason, error)

    def _own(self, index: int) -> np.ndarray:
        """Return by how much what a scene was matched with has to be moved, columns and rows."""
        return np.zeros(2) if index == ANCHOR else self.shifts[index]

    def _doubts(self, spread: float, error: float, number: int, size: float) -> str:
        if size > self.settings.max_shift:
            return f"shift of {size:.1f} pixels, at most {self.settings.max_shift:g}"
        if spread > self.settings.agreement:
            return f"{number} matches differ by {spread:.2f} pixels, at most {self.settings.agreement:g}"
        return f"expected error of {error:.2f} pixels, at most {self.settings.max_error:g}" if error > self.settings.max_error else ""

    def _tied(self, suns: list[Sun | None]) -> References:
        """Return the reference with its frames where the matches between them say, without those that fit nothing."""
        still = self.settings.model_copy(update={"motion": "translation"})
        pairs: dict[tuple[int, int], Pair] = {}
        for second, time in enumerate(track(self.times, "Tying the frames of the reference")):
            values = self.frames[second]
            for first, one in self._matches(Frame(time, values, np.isfinite(values), suns[second]), still):
                if one.accepted and (second, first) not in pairs:
                    pairs[first, second] = Pair(first, second, one.columns, one.rows, one.error**-2)
        kept = network.connected(self.times.size, list(pairs.values()))
        if kept.size < self.times.size:
            note(
                f"co-registration: {self.times.size - kept.size} of {self.times.size} frames fit no other and are not part of the reference"
            )
        place = {int(old): new for new, old in enumerate(kept)} | {ANCHOR: ANCHOR}
        joined = [one._replace(first=place[one.first], second=place[one.second]) for one in pairs.values() if one.second in place]
        shifts, covariance = network.adjust(kept.size, joined, self.settings.jitter)
        return replace(self, times=self.times[kept], frames=self.frames[kept], shifts=shifts, covariance=covariance, _made={})


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
        if seen.mean() >= settings.min_valid and np.count_nonzero(seen) >= settings.min_pixels:
            yield Frame(nanoseconds(one.time), values, np.isfinite(values), one.sun)
