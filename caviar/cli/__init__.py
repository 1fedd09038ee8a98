"""The command `caviar`: `main`, and a module a command, whose `add` puts it on the parser."""
