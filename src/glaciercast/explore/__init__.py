"""What the data show before any model: coverage, season, trend, spatial differences."""
