"""The one error of the hand-over."""


class CaseSetError(ValueError):
    """A case set cannot be written, read or believed: the message names file, wanted and found."""


class OtherKeyError(CaseSetError):
    """A file is not the key that belongs to the cases: `expected` and `came` are SHA-256 digests."""

    def __init__(self, path: object, expected: str, came: str) -> None:
        super().__init__(
            f"{path}: expected the key with SHA-256 {expected}, {came} came; "
            "take the key that was handed over with this case set"
        )
        self.expected, self.came = expected, came
