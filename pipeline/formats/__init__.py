"""Tables and images, read and written; the base of parameters."""
