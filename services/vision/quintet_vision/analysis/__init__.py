"""What can be told about a picture: one module for each subject, plain functions from pixels to facts."""

import os

# OpenCV reads this when it is imported. Pictures are decoded by Pillow; this is for the day somebody forgets that.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(64_000_000))
