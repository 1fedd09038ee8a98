"""`Sweep`, the typed configuration of a sweep, and what it looks like as JSON and as a command."""
