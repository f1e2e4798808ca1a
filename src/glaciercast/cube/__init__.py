"""Stage one: raw scenes become ``/optical`` (masks, indices, gap filling, building)."""
