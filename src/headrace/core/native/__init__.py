"""What people and scripts ask Headrace for, whichever way they come: the native API, the console and the command line share these types.

``operation`` says what an operation is, ``table`` lists all of them; the other modules hold what is asked and what is told, a noun a file. Nothing
here knows how an operation is done (``service.native``) or how it travels (``api.native``, ``cli``).
"""
