"""Where scenes come from: one module a product, and `rasters` for a user's own files."""
