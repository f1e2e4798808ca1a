"""Fitting networks: epochs that resume bit for bit, several processes, what it cost, and weights on disk; lightning is imported late."""
