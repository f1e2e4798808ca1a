"""Full-scene forecasts from patches, and their export."""
