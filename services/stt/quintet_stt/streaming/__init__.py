"""Follows conversations as they are spoken: sound in as it comes, starts and ends of speech and texts out."""
