"""Columns of the five tables that an outlook reads, what each holds and means."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, NamedTuple

Kind = Literal["text", "number", "time"]


class Column(NamedTuple):
    """A column of a table: what it holds, whether each record must have it, and what it means."""

    kind: Kind
    needed: bool
    meaning: str


TABLES = MappingProxyType(
    {
        "lakes": {
            "lake": Column("text", True, "name, unique"),
            "lon": Column("number", True, "degrees east, WGS 84"),
            "lat": Column("number", True, "degrees north, WGS 84"),
            "dam": Column("text", False, "ice, moraine, bedrock or empty"),
            "watched_from": Column("time", True, "from here on every flood of the lake would have been recorded"),
            "watched_to": Column("time", True, "until here; days outside are no negatives"),
        },
        "areas": {
            "lake": Column("text", True, ""),
            "time": Column("time", True, "acquisition, UTC"),
            "area": Column("number", True, "m²"),
            "area_error": Column("number", True, "1 σ, m²"),
            "seen": Column("number", True, "share of the lake's surroundings that was clear"),
            "image": Column("number", False, "number of the image in images.npy"),
            "available_at": Column("time", True, ""),
        },
        "motion": {
            "lake": Column("text", True, ""),
            "first": Column("time", True, "acquisition of the earlier image"),
            "second": Column("time", True, "acquisition of the later image"),
            "vx": Column("number", True, "of the damming ice, eastward, m/yr"),
            "vy": Column("number", True, "northward, m/yr"),
            "v_error": Column("number", True, "1 σ of each component, m/yr"),
            "available_at": Column("time", True, ""),
        },
        "temperature": {
            "lake": Column("text", True, ""),
            "time": Column("time", True, "acquisition"),
            "lst_day": Column("number", True, "land surface temperature by day, K"),
            "surface": Column("text", True, "ground or ice; ice stays at 273.15 K while it melts"),
            "available_at": Column("time", True, ""),
        },
        "events": {
            "event": Column("text", True, "name, unique"),
            "lake": Column("text", True, ""),
            "start": Column("time", True, "day on which the flood began, the middle of earliest and latest"),
            "earliest": Column("time", True, "first day on which it may have begun"),
            "latest": Column("time", True, "last day on which it may have begun"),
            "end": Column("time", False, "last day, not before latest; empty: latest"),
            "available_at": Column("time", False, "when a catalogue could have told of it, not before end; empty: when it was over"),
        },
    }
)
"""Columns of each table; times are UTC without a zone."""
