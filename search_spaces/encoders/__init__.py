"""One space for every searcher.

Each encoder writes a `SearchSpace` in its backend's terms, in the scale's coordinates, and gives
what the backend proposes to `SearchSpace.walk`, the one place where coordinates become natural
values. So all backends sample the same distribution, conditions included, and propose the same
kind of dict.

Import the module of the backend you mean (`from search_spaces.encoders import optuna_encoder`):
each imports its backend, and nothing else does.
"""
