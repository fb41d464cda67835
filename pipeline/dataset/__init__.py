"""The data set on disk: layout, corrections, labels, folds."""
