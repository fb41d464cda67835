"""Plots, error tables and the report."""
