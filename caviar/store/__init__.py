"""Everything on disk, in an object store or in a database."""
