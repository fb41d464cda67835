"""Member predictions combined: votes, calibration, label shift, per-class bias, and submissions."""
