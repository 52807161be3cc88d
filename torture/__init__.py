"""Hostile pictures and requests, and the command that sends them to a search service.

Every file is made here, byte by byte or by OpenCV; the rules that they break are named with
each. The room asks a service over HTTP and imports the kernel only.
"""
