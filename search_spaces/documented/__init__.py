"""The built-in spaces: ranges, scales and defaults with the document that each is from."""
