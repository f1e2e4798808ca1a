"""Stage two: composites and harmonisation into ``/aligned``."""
