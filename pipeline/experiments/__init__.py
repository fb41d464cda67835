"""Recipes side by side: each is reduced to a scale, run in its own folder, measured and shown."""
