"""What figures of an outlook may claim: how many floods they rest on, and when they can't support a skill."""

from __future__ import annotations

from collections.abc import Sequence

from glaciercast.errors import InputError

FEWEST_FLOODS = 8
"""Below this no skill is claimed and no interval of it is given: a bootstrap over fewer events is too narrow to be true."""


def may_claim(floods: int, interval: tuple[float, float] | None) -> bool:
    """Tell whether a skill above 0 may be claimed: enough floods, and an interval that lies above 0."""
    return floods >= FEWEST_FLOODS and interval is not None and interval[0] > 0


def counted(number: int, noun: str = "flood") -> str:
    """Return ``"1 flood"`` or ``"4 floods"``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rests_on(floods: int, lakes: int) -> str:
    """Return the sentence that tells how many events something rests on."""
    told = f"It rests on {counted(floods)} of {counted(lakes, 'lake')}."
    return told if floods >= FEWEST_FLOODS else f"{told} {too_few(floods)}"


def too_few(floods: int) -> str:
    """Return the sentence that refuses a skill."""
    return f"{counted(floods)}: too few for any claim of skill (fewer than {FEWEST_FLOODS})."


def of_skill(
    skill: float | None,
    interval: tuple[float, float] | None,
    floods: int,
    *,
    against: str = "the seasonal base rate",
    what: str = "Brier skill",
) -> str:
    """Return what may be said of a skill score.

    Parameters
    ----------
    skill
        1 − score/score of the reference; None where there is none.
    interval
        Of the skill, by bootstrap over events; None where there is none.
    floods
        Number of independent events behind it.
    """
    if floods < FEWEST_FLOODS:
        return too_few(floods)
    if skill is None or interval is None:
        return f"{counted(floods)}: no interval of the {what} against {against} could be made, so none is claimed."
    figure = f"{what} {skill:.3f} against {against} ({interval[0]:.3f} to {interval[1]:.3f}, {counted(floods)})"
    if interval[0] > 0:
        return f"{figure}: better than {against}."
    if interval[1] < 0:
        return f"{figure}: worse than {against}."
    return f"{figure}: the interval includes zero, so no skill is claimed."


def require(sources: Sequence[str], found: Sequence[str], model: str) -> None:
    """Refuse an outlook that is said to rest on something that its model never saw.

    Parameters
    ----------
    sources
        What it is said to rest on: some of areas, motion, temperature, images.
    found
        What the model reads and had records of, both in learning and at the issue.

    Raises
    ------
    InputError
        If a source is missing.
    """
    missing = [name for name in sources if name not in found]
    if missing:
        told = f"only on {', '.join(found)}" if found else "on none of the records of lakes"
        raise InputError(f"the outlook of model '{model}' can't be said to rest on {', '.join(missing)}: it rests {told}")
