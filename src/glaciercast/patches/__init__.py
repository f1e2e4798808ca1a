"""Windows over a cube: splits, sampling from a memory map, normalising, tiling."""
