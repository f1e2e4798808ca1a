"""One module a product: the simulated world in the provider's own encoding, beside a STAC item as the provider serves it."""
