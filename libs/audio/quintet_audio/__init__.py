"""Sound of every container in and out.

Import the modules themselves: `sniff` is pure Python, `decode` and `encode` load FFmpeg's libraries.
"""
