"""The commands of ``caviar`` beside ``sweep``, one module each: ``add`` puts it on the parser."""
