"""The rendered manifests, run as processes of this machine: what a cluster would do with them.

Each container's own command, arguments, environment, files and volumes, as its pod's user, in a
mount namespace of its own with a read-only root; claims as of a volume that ignores fsGroup; probes
on the declared ports and paths; Services that lead to the pods that are ready; Jobs that run to
their end. Two things stand in: the images are this installation, TensorFlow Serving the local model
server; and pods share this machine's network, so that each listens on an address of its own where
its manifest says 0.0.0.0.

It needs root, for the mounts.
"""
