"""A sweep that is being run: prepared, searched, confirmed, reported."""
