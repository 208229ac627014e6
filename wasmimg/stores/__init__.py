"""Where images live: OCI layouts, archives, registries."""
