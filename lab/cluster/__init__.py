"""What runs a cluster beside its API server: controllers, a scheduler, and a kubelet on every node of the lab.

They take care of what clients make through the API, and leave the lab's own pods as its topology has them.
"""
