"""Text for the terminal."""


def printable(text: str) -> str:
    """A text whose control characters are escaped, but for line ends and tabs.

    A file name may hold any character: `\\x1b[2J` would clear the screen, a right-to-left mark reverse a line.
    """
    return "".join(
        character if character.isprintable() or character in "\n\t" else character.encode("unicode_escape").decode()
        for character in text
    )
