"""The console: pages for people, made on the server. ``app`` is its entry; what pages ask goes through ``service.native.answering``."""
