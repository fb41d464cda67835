"""Registering models, and the evidence on which a person promotes one of them."""
