"""Glaciers by name, RGI id or box: one YAML file each, built in or a user's own."""

from glaciercast.sites.catalogue import built_in, find, folder, names, within
from glaciercast.sites.model import Site
from glaciercast.sites.new import add, check_extent, check_free, polar_night, zone

__all__ = ["Site", "add", "built_in", "check_extent", "check_free", "find", "folder", "names", "polar_night", "within", "zone"]
