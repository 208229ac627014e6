"""Running a plugin in a real Envoy: what it does to requests and responses, and what it says."""
