"""The planner: from pictures, recall and latency to an index type, memory, replicas and hours.

``plan`` is pure: values in, values out. ``calibration`` measures this machine's figures; what
was not measured is a default that says where it comes from. It reads no store and builds no
index that anybody searches.
"""
