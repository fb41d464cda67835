"""The stages of the pipeline: a verb per file, each a function from files and parameters to files."""
