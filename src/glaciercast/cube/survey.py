"""Which overpasses count: missing data and cloud, measured from the pixels inside the site's box."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from glaciercast import config, store
from glaciercast.cube import masks
from glaciercast.cube.masks import MaskPolicy
from glaciercast.cube.settings import Selection
from glaciercast.errors import GlaciercastError
from glaciercast.progress import track
from glaciercast.sources.optical import OpticalProduct, Overpass
from glaciercast.sources.recipe import BandName
from glaciercast.sources.scene import Scene

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from glaciercast.sources.access import Reader
    from glaciercast.sources.fetch import Fetcher


Task = Literal["glance", "stage"]
Job = tuple[int, Overpass]
"""Number of an overpass among all of its product, and the overpass."""


@dataclass(frozen=True)
class Context:
    """What reading and judging overpasses takes: the target grid, the way to the files, the ice outline and the rules."""

    target: GeoBox
    reader: Reader
    fetcher: Fetcher
    ice: np.ndarray | None
    mask: MaskPolicy
    selection: Selection


@dataclass(frozen=True)
class Verdict:
    """What was found inside the box: shares of pixels without data and, of the others, of cloud or shadow; None: not looked at."""

    scene_id: str
    missing: float
    cloud: float | None
    reason: str = ""

    @property
    def kept(self) -> bool:
        """Whether the overpass goes into the cube."""
        return not self.reason


class Judge(Protocol):
    """Looks at overpasses, here or on workers."""

    def __call__(self, task: Task, product: OpticalProduct, jobs: Sequence[Job]) -> Iterator[Verdict]:
        """Yield a verdict on each job, in order."""


def survey(
    product: OpticalProduct, overpasses: Sequence[Overpass], bands: Sequence[BandName], context: Context, log: Path, judge: Judge
) -> tuple[OpticalProduct, list[Verdict]]:
    """Judge every overpass, cheapest look first; `log` keeps the verdicts, so that an interrupted survey goes on.

    The quality band alone decides where too little of the box was seen, or where it is cloud even if every flag that the policy may
    overrule were wrong; of the others the reflectance is read, as the mask needs it. Verdicts that `log` keeps from other rules (another
    outline, say) do not count. `judge` does the looking: of tasks ``glance`` and ``stage``.

    Returns
    -------
    product, verdicts
        The product with what was learnt about the packing of its items, and one verdict for each overpass.
    """
    known = _Log(log, rules(context))
    jobs = list(enumerate(overpasses))
    waiting = [job for job in jobs if job[1].scene_id not in known.glances]
    for verdict in track(judge("glance", product, waiting), f"Looking at {product.name}", len(waiting)):
        known.add(verdict, final=False)
    promising = [job for job in jobs if known.glances[job[1].scene_id].kept]
    fetched = list(ahead(product, [overpass for _, overpass in promising], ("swir16",), context))
    product = product.verified(fetched, context.target, context.fetcher)
    waiting = [job for job in promising if job[1].scene_id not in known.finals]
    for verdict in track(judge("stage", product, waiting), f"Reading {product.name}", len(waiting)):
        known.add(verdict, final=True)
    return product, [known.verdict(overpass.scene_id) for overpass in overpasses]


def ahead(product: OpticalProduct, overpasses: Iterable[Overpass], bands: Sequence[BandName], context: Context) -> Iterator[Overpass]:
    """Yield each overpass once its files lie in the cache, while those of the next ones are being fetched."""
    overpasses = list(overpasses)
    wanted = [product.assets(overpass, bands) for overpass in overpasses]

    def prefetch(pair: tuple[pystac.Item, str]) -> None:
        context.fetcher.prefetch(pair[0], pair[1], context.target)

    fetched = context.reader.map(prefetch, [pair for assets in wanted for pair in assets])
    for overpass, assets in zip(overpasses, wanted, strict=True):
        for _ in assets:
            next(fetched)
        yield overpass


def rules(context: Context) -> str:
    """Return a digest of all that decides a verdict beside the scene: grid, outline, mask policy and selection."""
    target, ice = context.target, context.ice
    grid = [list(target.shape), list(target.affine)[:6], str(target.crs)]
    return config.digest([grid, None if ice is None else store.checksum(ice), config.plain(context.mask), config.plain(context.selection)])


def clear_pixels(scene: Scene, product: OpticalProduct, context: Context) -> np.ndarray:
    """Return where the policy calls the scene clear and green and swir16 have data, bool (y, x)."""
    clear = masks.clear(context.mask, product.quality, scene.mask, scene.mask_valid, scene.bands, context.ice)
    seen: np.ndarray = clear & np.isfinite(scene.bands["green"]) & np.isfinite(scene.bands["swir16"])
    return seen


def glance(scene: Scene, product: OpticalProduct, context: Context) -> Verdict:
    """Return a verdict from the quality band alone: kept are those of which the reflectance has to be read."""
    valid = scene.mask_valid
    missing = 1 - float(valid.mean())
    name = scene.ref.scene_id
    if missing > context.selection.max_missing or not valid.any():
        return Verdict(name, missing, None, _too_much("missing", missing, context.selection.max_missing))
    hopeful = masks.possibly_clear(context.mask, product.quality, scene.mask, valid, context.ice)
    cloud = 1 - float(hopeful[valid].mean())
    if cloud > context.selection.max_cloud:
        return Verdict(name, missing, cloud, _too_much("cloud", cloud, context.selection.max_cloud))
    return Verdict(name, missing, None)


def judge(scene: Scene, clear: np.ndarray, context: Context) -> Verdict:
    """Return what counts for a scene, `clear` being its clear pixels, bool (y, x)."""
    valid = scene.mask_valid
    cloud = 1 - float(clear[valid].mean())
    too_much = cloud > context.selection.max_cloud
    reason = _too_much("cloud", cloud, context.selection.max_cloud) if too_much else ""
    return Verdict(scene.ref.scene_id, 1 - float(valid.mean()), cloud, reason)


def _too_much(what: str, found: float, limit: float) -> str:
    return f"{what} {found:.1%}, at most {limit:.0%}"


class _Log:
    """The verdicts so far, in a file with one JSON object a line: after a first glance, and final."""

    def __init__(self, path: Path, rules: str) -> None:
        self.path, self.rules = path, rules
        self.glances: dict[str, Verdict] = {}
        self.finals: dict[str, Verdict] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith("\n")]
        if len(whole) < len(lines):  # the last line was cut short by a kill
            path.write_text("".join(whole), encoding="utf-8")
        for line in whole:
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise GlaciercastError(f"{path}: is damaged; delete it, and the same command surveys again") from error
            if entry.get("rules") != rules:  # the outline's file has changed since
                continue
            self._keep(Verdict(**entry["verdict"]), entry["final"])

    def add(self, verdict: Verdict, final: bool) -> None:
        """Keep a verdict, here and in the file."""
        self._keep(verdict, final)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"verdict": asdict(verdict), "final": final, "rules": self.rules}) + "\n")

    def verdict(self, scene_id: str) -> Verdict:
        """Return what counts for a scene: the final verdict, or the glance that was enough."""
        return self.finals.get(scene_id, self.glances[scene_id])

    def _keep(self, verdict: Verdict, final: bool) -> None:
        (self.finals if final else self.glances)[verdict.scene_id] = verdict
