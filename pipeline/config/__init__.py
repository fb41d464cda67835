"""params.yaml: read, checked, and its recipes."""
