"""The label schema and its arithmetic: classes, probabilities, metrics, the bootstrap."""
