"""Data and run on one page, complete in itself."""
