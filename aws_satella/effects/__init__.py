"""The effects layer: it reads the world, calls the pure core, and acts on what that returns."""
