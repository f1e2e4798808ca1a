"""Fitting networks: the loss, checkpoints that survive a kill, and weights on disk; lightning is imported where it is used."""
