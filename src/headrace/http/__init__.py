"""What the doors share: the edge of a request, authentication, bodies, links, downloads.

A door brings its own words: how it renders a ``Problem``, and whom it lets in. Nothing here knows a door or a use case.
"""
