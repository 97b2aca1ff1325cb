"""What requests may hold, by subject."""
