"""From the bytes of a file to pieces of text; it runs in worker processes and imports nothing of the rest of the house.

It stands apart so that a worker, which reads what strangers wrote, loads neither gRPC nor a key nor an address.
"""
