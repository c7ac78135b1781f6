"""The error that every room raises for a wrong input."""


class InputError(ValueError):
    """A file, flag or folder that a user gave is not what was expected.

    The message names what was expected, what was found and what to do, in one line.
    """
