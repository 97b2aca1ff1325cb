"""HTTP plumbing that every dialect stands on; it knows no rule of any single surface."""
