"""Speed of the pipeline, relative to reference code that does the same work in the usual way."""
