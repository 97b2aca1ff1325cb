"""What can be answered without a language model, one skill a file, and the router between them."""
