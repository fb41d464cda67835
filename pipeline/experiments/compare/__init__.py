"""Recipes side by side: each made small, run in a folder of its own, measured and shown."""
