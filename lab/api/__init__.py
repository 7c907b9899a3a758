"""The lab's Kubernetes API server: lists, objects, discovery and refusals as a real one words them."""
