"""What every room uses: a trial's record, errors, options, how numbers are written."""
