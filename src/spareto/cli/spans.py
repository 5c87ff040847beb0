"""Spans of time as people say them."""


def span(seconds: float) -> str:
    """A time as people say it.

    >>> span(75), span(4000)
    ('75 s', '67 min')
    """
    for size, sign in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {sign}"
    return f"{seconds:.0f} s"
