"""How fast the pipeline is, beside code that does the same work the way people do it now."""
