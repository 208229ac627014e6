"""Kubernetes YAML for what was pushed."""
