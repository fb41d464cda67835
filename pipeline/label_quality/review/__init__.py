"""Suggested corrections, reviewed person by person on a local web page."""
