"""Settings that would fit where those that were asked for do not."""

from __future__ import annotations

from glaciercast.dataset.config import DatasetConfig
from glaciercast.errors import InputError
from glaciercast.patches import splits
from glaciercast.patches.series import VELOCITIES


def advise(settings: DatasetConfig, n_steps: int, composite: int, composite_still: int, variables: tuple[str, ...], where: str) -> str:
    """Return one line on why a series is too short for its windows, and which settings would fit.

    Parameters
    ----------
    n_steps
        Steps of the series.
    composite, composite_still
        Length of a composite in steps with all variables, and without those of velocity, whose image pairs reach back.
    variables
        All that are read.
    where
        Names the cube.
    """
    gap = splits.gap_steps(settings.n_input, settings.n_target, composite)
    needed = settings.before + 2 * gap + 3 * settings.n_target
    told = f"{where}: has {n_steps} steps, fewer than the {needed} that windows of {settings.n_input} + {settings.n_target} steps need, "
    told += f"as {gap} steps between parts belong to none"
    still = [name for name in variables if name not in VELOCITIES]
    ways = []
    if found := largest(settings, n_steps, composite):
        ways.append(_as_options(settings, found))
    if still and len(still) < len(variables) and (found := largest(settings, n_steps, composite_still)):
        shorter = _as_options(settings, found)
        without = f"--set variables=[{','.join(still)}]" + (f" {shorter}" if shorter else "")
        ways.append(f"{without} (without velocities, whose image pairs reach {composite - composite_still} steps back)")
    return f"{told}; {' or '.join(ways)} would fit" if ways else f"{told}; no shorter windows fit: use a finer cadence or a longer series"


def largest(settings: DatasetConfig, n_steps: int, composite: int) -> tuple[int, int] | None:
    """Return the input and target steps of the longest windows, none longer than asked for, that a series holds in three parts."""
    sizes = [(n_input, n_target) for n_input in range(1, settings.n_input + 1) for n_target in range(1, settings.n_target + 1)]
    sizes.sort(key=lambda size: (min(size[0] / settings.n_input, size[1] / settings.n_target), sum(size)), reverse=True)
    return next((size for size in sizes if _fits(settings, *size, n_steps, composite)), None)


def _fits(settings: DatasetConfig, n_input: int, n_target: int, n_steps: int, composite: int) -> bool:
    history = max(n_input, settings.history or 0)
    try:
        splits.by_time(
            n_steps, n_input=n_input, n_target=n_target, history=history, composite_length=composite, fractions=settings.fractions
        )
    except InputError:
        return False
    return True


def _as_options(settings: DatasetConfig, found: tuple[int, int]) -> str:
    """Return the options that lead to these windows; nothing where they are those of the settings."""
    pairs = (("n_input", found[0], settings.n_input), ("n_target", found[1], settings.n_target))
    return " ".join(f"--set {name}={value}" for name, value, asked in pairs if value != asked)
