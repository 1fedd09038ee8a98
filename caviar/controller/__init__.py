"""A sweep without Ray and without a disk: what runs next, what continues, what is remembered."""
