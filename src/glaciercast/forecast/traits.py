"""What the networks within a forecaster say of themselves."""

from __future__ import annotations

from torch import nn

from glaciercast.models.base import Network


def of_networks(forecaster: nn.Module, trait: str) -> bool:
    """Tell whether every network within a forecaster (an ensemble has several, a baseline none) has attribute `trait`.

    Parameters
    ----------
    trait
        ``any_size``: a pixel's forecast depends on what lies near and not on the size of the patch, so tiles may be larger than trained.
        ``missing_ok``: it was trained with variables that go missing, so that it goes on where one is unknown.
    """
    return all(getattr(part, trait, False) for part in forecaster.modules() if isinstance(part, Network))
