"""The built-in glaciers: one YAML file each, found by name, RGI id or box."""

from glaciercast.sites.catalogue import find, names, within
from glaciercast.sites.model import Site

__all__ = ["Site", "find", "names", "within"]
