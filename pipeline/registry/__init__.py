"""The model registry: registration, promotion on out-of-fold evidence, and serving."""

ENSEMBLE = "mga"
"""Registered name of the ensemble; a single model is `mga-<model>`."""
MARGIN = 0.005
"""Largest accepted loss of macro F1; a smaller difference is within chance."""
SLICE_MARGIN = 0.03
"""Largest accepted loss of accuracy in a slice of gender x age band."""
