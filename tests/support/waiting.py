"""Waiting for a condition, never for a time."""

import time


class Hopeless(AssertionError):
    """Raised by a condition that can no longer come true: ends the wait at once."""


def wait_for(condition, seconds=20, what=None, every=0.05):
    """Returns the first true value of condition(); fails when there is none in time.

    An exception that condition() raises counts as "not yet"; the last one is told.
    """
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = f"last value {value!r}"
        except Hopeless:
            raise
        except Exception as error:  # pylint: disable=broad-except
            last = f"{type(error).__name__}: {error}"
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what or condition} ({last})")
        time.sleep(every)


def wait_for_value(read, expected, what, seconds=20):
    """Returns once read() gives this value; what it gave last is told otherwise."""
    def given():
        value = read()
        if value != expected:
            raise AssertionError(f"{value!r}, not {expected!r}")
        return True

    wait_for(given, seconds, what)
