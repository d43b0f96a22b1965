"""Worksheets: files of a workspace as tables of texts, read and written."""
