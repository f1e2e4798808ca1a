"""A physically sensible glacier whose truth is known, written out as the products themselves; knows nothing of `sources`."""
