"""Sound of every container in and out.

Import the modules themselves: `sniff` is pure Python; `decode`, `resample` and `encode` (for MP3) load FFmpeg's
libraries.
"""
