"""HTTP services: their answers as rows, rows as requests, and files that are fetched from HTTP servers."""
