"""Registering models, and the evidence on which a person promotes one of them."""

ENSEMBLE = "mga"
"""The ensemble's name in the registry; that of a model is `mga-<its config>`."""
MARGIN = 0.005
"""Of the score (macro F1), by which a challenger may be worse: less is luck."""
SLICE_MARGIN = 0.03
"""Of the share of right answers in a slice of gender x age band, by which a challenger may be worse."""
