"""Records of sheets: written and checked, read and selected."""
