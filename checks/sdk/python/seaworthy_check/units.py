"""Numbers as facts have them."""


def millis(micros: int) -> str:
    """Microseconds as milliseconds with three decimals: ``1234`` is ``1.234``. The form of
    every fact whose key ends in ``-ms``."""
    return f"{micros // 1000}.{micros % 1000:03}"
