"""The image as plain data. Nothing in here reads a file or opens a socket."""
