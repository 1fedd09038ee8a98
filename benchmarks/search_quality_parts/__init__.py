"""What `search_quality.py` is made of."""
