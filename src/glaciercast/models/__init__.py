"""Forecasters behind one registry: baselines and networks share an interface, and each file holds one architecture."""
