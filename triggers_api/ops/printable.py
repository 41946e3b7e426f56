"""Escape text that goes to a terminal, a pipe or a report. Only the standard library is imported."""


def printable(text: str) -> str:
    """Escape a text, so that it can neither move the cursor nor forge a line.

    This includes the controls that reverse text, and every kind of line break.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
