"""Label errors: suggestions, review, and the doctor of a data set."""
