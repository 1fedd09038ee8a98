"""The only folder of the library that imports Ray."""
