"""The HTTP gateway of Quintet."""
