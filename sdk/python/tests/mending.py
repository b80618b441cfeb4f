"""A second file of the author of `test_origin`."""


def at_most(value, most):
    """The value, when it is not over `most`."""
    if value > most:
        raise ValueError("too much")  # REFUSES
    return value
