"""Synthetic people: seven images of each, which show mask state, gender and age."""
