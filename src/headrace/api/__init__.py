"""The doors: published APIs that data teams already have clients for. They are siblings; none is the core."""
