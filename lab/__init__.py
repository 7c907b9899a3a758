"""A cluster to look at on one machine: network namespaces, veth, BIRD, a Kubernetes API."""
