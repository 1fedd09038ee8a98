"""What holds for all tests."""

from hypothesis import settings

# The same examples everywhere, however slow the machine.
settings.register_profile("caviar", deadline=None, derandomize=True)
settings.load_profile("caviar")
