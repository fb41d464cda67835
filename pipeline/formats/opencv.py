"""OpenCV on one thread. Some of its filters (`stackBlur`) round differently for every number of threads.

Stages that need several cores run OpenCV in a pool of threads of their own. All of pipeline/ imports OpenCV from here.
"""

import cv2

cv2.setNumThreads(1)

__all__ = ["cv2"]
