"""Files to rows, and rows to files: a module for each format."""
