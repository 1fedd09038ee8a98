"""`python -m caviar`: the command `caviar`."""

from caviar.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
