"""Displacement of the ground between scenes: dense flow, tracked vectors with their errors, and velocities made of them."""
