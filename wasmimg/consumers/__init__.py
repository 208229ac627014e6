"""Who reads the image: Istio, Envoy Gateway, Higress, and Envoy itself."""
