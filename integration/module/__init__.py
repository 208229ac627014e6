"""What takes long with modules and needs no engine."""
