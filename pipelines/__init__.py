"""Recipes: a searcher and a scheduler each, a screenful a file; `caviar sweep NAME` runs one."""
