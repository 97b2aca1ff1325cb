"""The vision service: tells what is in a picture."""
