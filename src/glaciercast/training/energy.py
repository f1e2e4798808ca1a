"""What a fit takes: energy and CO2 by codecarbon, offline, with what of it is measured and what is estimated."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glaciercast import runs
from glaciercast.errors import InputError
from glaciercast.training.config import TrainingConfig

if TYPE_CHECKING:
    from codecarbon import OfflineEmissionsTracker

CUT_SHORT = "energy.json"
"""What a fit had taken when an epoch of it was cut short."""
PARTS = ("cpu", "gpu", "ram")
MEASURED = ("Rapl", "Emi", "Power Gadget", "GPU", "AppleSilicon", "Raspberry")
"""Words by which codecarbon names what has a meter; its other figures are models of load and size."""


class Meter:
    """Adds up the energy of the epochs, on top of what an interrupted fit had taken; does nothing without a tracker.

    An epoch that an error or Ctrl-C cut short counts (see `metered`); one whose process was killed outright cannot be told any more.

    Attributes
    ----------
    energy
        ``kwh``, of which ``cpu_kwh``, ``gpu_kwh`` and ``ram_kwh``, ``kg_co2e``; ``country`` and ``grid_g_co2e_per_kwh``, by which it is
        converted; ``scope``: this process or the whole machine; ``measured`` and ``estimated``: which parts; ``cpu_tdp_watts``: what the
        CPU is taken to draw at full load, where that is estimated; ``tool``.
    """

    def __init__(self, tracker: OfflineEmissionsTracker | None, energy: dict[str, Any]) -> None:
        self.tracker, self.energy = tracker, energy
        self.running = False

    def start(self) -> None:
        """Begin to measure."""
        if self.tracker is not None:
            self.tracker.start_task()
            self.running = True

    def stop(self) -> dict[str, Any]:
        """Add what was taken since `start`, and return all so far."""
        if self.tracker is not None:
            taken, self.running = self.tracker.stop_task(), False
            added = {"kwh": taken.energy_consumed, "kg_co2e": taken.emissions}
            added |= {f"{part}_kwh": getattr(taken, f"{part}_energy") for part in PARTS}
            self.energy = {**self.energy, **{key: self.energy.get(key, 0.0) + value for key, value in added.items()}}
        return self.energy


@contextmanager
def metered(config: TrainingConfig, taken: dict[str, Any], folder: Path, here: bool = True) -> Iterator[Meter]:
    """Give a meter that goes on from what was `taken`; it measures if that is wanted and `here`.

    A fit in several processes is measured by one of them, which sees the whole machine. If an error or Ctrl-C cuts an epoch short, all
    that was taken by then is left in `folder` as ``energy.json``, from where the next fit goes on.

    Raises
    ------
    InputError
        If the package codecarbon is missing, or it does not know the country.
    """
    if not (config.energy and here):
        yield Meter(None, taken)
        return
    check_codecarbon(config)
    import codecarbon

    name, grams = _grid(config.country)
    scope = "process" if config.devices == 1 else "machine"
    logger = logging.getLogger("codecarbon")
    logger.setLevel(logging.CRITICAL)  # its first lines come before it reads `log_level`
    tracker = codecarbon.OfflineEmissionsTracker(
        output_methods=[],  # no file, no server
        emissions_endpoint=None,
        electricitymaps_api_token=None,
        force_carbon_intensity_g_co2e_kwh=grams,  # or it might ask a server, if the user's own settings name one
        tracking_mode=scope,
        log_level="critical",
        allow_multiple_runs=True,  # or it would write a lock
    )
    tracker.get_detected_hardware()  # looks it up, which takes a second or two
    facts = {
        "country": name,
        "grid_g_co2e_per_kwh": grams,
        "scope": scope,
        **_parts(tracker),
        "tool": f"codecarbon {importlib.metadata.version('codecarbon')}",
    }
    meter = Meter(tracker, {**_most(taken, folder / CUT_SHORT), **facts})
    try:
        yield meter
    finally:
        if meter.running:
            with suppress(OSError):  # what cut the epoch short is what the user has to read, and a full disk is one of the reasons
                runs.write_json(folder / CUT_SHORT, meter.stop())
        tracker.stop()


def _most(taken: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the later of what the checkpoint tells and what a fit that was cut short has left: sums only grow."""
    left = runs.read_json(file) if file.is_file() else {}
    return max(taken, left, key=lambda each: float(each.get("kwh", 0.0)))


def _parts(tracker: OfflineEmissionsTracker) -> dict[str, Any]:
    """Return which parts of the machine have a meter and which are estimated."""
    described = {part.description(): getattr(part, "_tdp", None) for part in tracker._hardware}
    metered = [text for text in described if any(word in text for word in MEASURED)]
    others = [text for text in described if text not in metered]
    return {
        "measured": [_name(text) for text in metered],
        "estimated": [_name(text) for text in others],
        "cpu_tdp_watts": next((described[text] for text in others if described[text]), None),
    }


def _name(description: str) -> str:
    return description.partition("(")[0].strip().lower()


def check_codecarbon(config: TrainingConfig) -> None:
    """Refuse what cannot be measured before anything is fitted.

    Raises
    ------
    InputError
        If the package codecarbon is missing, or it does not know the country.
    """
    if importlib.util.find_spec("codecarbon") is None:
        raise InputError("energy: expected the package codecarbon, found none; install it or leave training.energy false")
    _grid(config.country)


def _grid(country: str) -> tuple[str, float]:
    """Return the name of a country and the mean g CO2e of a kWh there, by codecarbon's tables; of the world without a country."""
    from codecarbon.input import DataSource

    source = DataSource()  # type: ignore[no-untyped-call,unused-ignore]
    if not country:
        return "world average", float(source.get_carbon_intensity_per_source_data()["world_average"])
    mixes = source.get_global_energy_mix_data()
    if country not in mixes:
        raise InputError(f"country '{country}': expected three letters that codecarbon has a grid for, such as NPL or CHE")
    return str(mixes[country]["country_name"]), float(mixes[country]["carbon_intensity"])
