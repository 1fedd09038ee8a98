"""The parts of `benchmarks/overhead.py`; each measurement runs in a process of its own."""
