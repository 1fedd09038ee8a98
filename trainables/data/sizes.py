"""The rule for how many rows a data set gives to training and to validation."""


def check_size(name: str, option: str, size: int, available: int) -> None:
    """Raise ValueError unless 1 <= size <= available, saying the rule and the value."""
    if not 1 <= size <= available:
        raise ValueError(
            f"{option} of {name} must be within 1 .. {available:,}, but it is {size:,}. "
            f"Ask for fewer rows, or leave {option} out to take the default."
        )
