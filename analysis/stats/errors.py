"""Named errors of the statistics."""


class StatsError(ValueError):
    """Ratings cannot be analysed: the message says what was expected, what was found and what to do."""


class NotComparableError(StatsError):
    """A comparison of the arms is refused: an arm is empty or holds fewer than two cases.

    `reason` says so within a sentence, such as "only one PIE case was answered, and two are needed".
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message
