"""The names of heads: an attribute, or the product of several."""


def attributes(head: str) -> tuple[str, ...]:
    """The attributes that a head's name multiplies: `gender x age` gives (gender, age)."""
    return tuple(part.strip() for part in head.split(" x "))
