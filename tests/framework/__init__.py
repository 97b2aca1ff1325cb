"""What the tests of the whole house stand on: a running cluster, a nexus client, media files and raw sockets."""
