"""Tests against a real kube-apiserver and etcd, where KUBEBUILDER_ASSETS names a folder with both."""
