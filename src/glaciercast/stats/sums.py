"""What all scores are kept as: sums, one row a forecast and one column a lead time, that merge without loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from glaciercast.errors import GlaciercastError


@dataclass(frozen=True)
class Sums:
    """Sums over pixels; a score is a ratio of sums over whatever forecasts, leads and strata are asked for.

    A statistic is made in three steps, as in the verification of weather forecasts: `of` some forecasts, merged with those of other parts
    by ``+`` (or `joined`), and only then divided. Rows are appended as they are, so merging parts equals one pass to the last bit.

    Subclasses are frozen dataclasses of float64 arrays (forecast, lead, …); fields in `shared` describe all rows and are tuples.
    """

    shared: ClassVar[tuple[str, ...]] = ()

    def __add__(self, other: Self) -> Self:
        """Merge the forecasts of two parts (rows are appended)."""
        return self.joined([self, other])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Merge the forecasts of at least one part, in order.

        Raises
        ------
        GlaciercastError
            If parts differ in what their rows share, such as strata or levels.
        """
        for name in cls.shared:
            if len({getattr(part, name) for part in parts}) > 1:
                raise GlaciercastError(f"{cls.__name__}: parts with different {name} do not add up")
        return parts[0]._with({name: np.concatenate([getattr(part, name) for part in parts]) for name in cls._summed()})

    def chosen(self, forecasts: np.ndarray) -> Self:
        """Return the rows of some forecasts, by index or bool (forecast,)."""
        return self._with({name: getattr(self, name)[forecasts] for name in self._summed()})

    def weighted(self, counts: np.ndarray) -> Self:
        """Return one row a line of `counts` (row, forecast): the sums of the forecasts, each as often as it is counted."""
        found = {}
        for name in self._summed():
            values = getattr(self, name)
            found[name] = (counts @ values.reshape(len(values), -1)).reshape(len(counts), *values.shape[1:])
        return self._with(found)

    def total(self) -> Self:
        """Return one row: the sums of all forecasts."""
        return self._with({name: getattr(self, name).sum(axis=0, keepdims=True) for name in self._summed()})

    def at_leads(self, mask: np.ndarray) -> Self:
        """Return the same with nothing in it where `mask`, bool (forecast, lead), is False, such as outside a calendar month."""
        arrays = {name: getattr(self, name) for name in self._summed()}
        return self._with({name: values * mask.reshape(*mask.shape, *[1] * (values.ndim - 2)) for name, values in arrays.items()})

    def to_json(self) -> dict[str, Any]:
        """Return plain lists."""
        return {item.name: np.asarray(getattr(self, item.name)).tolist() for item in fields(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the sums that `to_json` wrote."""
        return cls(**{name: _tuple(value) if name in cls.shared else np.array(value, "float64") for name, value in data.items()})

    @classmethod
    def _summed(cls) -> list[str]:
        return [item.name for item in fields(cls) if item.name not in cls.shared]

    def _with(self, arrays: dict[str, np.ndarray]) -> Self:
        return type(self)(**arrays, **{name: getattr(self, name) for name in self.shared})


def over_leads(sums: np.ndarray, lead: int | None) -> np.ndarray:
    """Return sums (forecast, lead, …) at one lead (0-based) or over all, (forecast, …)."""
    over: np.ndarray = sums.sum(axis=1) if lead is None else sums[:, lead]
    return over


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return above / below, NaN where there is nothing below."""
    found: np.ndarray = np.divide(above, below, out=np.full(np.broadcast_shapes(above.shape, below.shape), np.nan), where=below > 0)
    return found


def check_finite(forecast: np.ndarray, valid: np.ndarray) -> None:
    """Check that a forecast (…, as `valid`) is finite wherever it is scored: a model may not choose its pixels.

    Raises
    ------
    GlaciercastError
        If it is not.
    """
    wrong = np.count_nonzero(~np.isfinite(forecast) & valid)
    if wrong:
        raise GlaciercastError(f"{wrong} forecast values are not finite where they are scored")


def _tuple(value: Any) -> Any:
    return tuple(_tuple(each) for each in value) if isinstance(value, list) else value
