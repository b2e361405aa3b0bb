"""Named errors of the statistics."""


class StatsError(ValueError):
    """Ratings cannot be analysed: the message says what was expected, what came and what to do."""


class NotComparableError(StatsError):
    """A comparison of the arms is refused: an arm is empty or holds fewer than two cases."""
