"""What a template may cost: its expressions are data that users send, so everything that they can make grow has an end."""

from headrace.core.errors import Code, Problem

MAX_LENGTH = 8_192
"""Most characters of one expression, without its ``@``; in an interpolation, of one segment."""

MAX_DEPTH = 200
"""Most levels that calls and brackets nest. Each costs frames of Python's stack, which ends at 1,000."""

MAX_SEGMENTS = 4_096
"""Most expressions of one text."""

MAX_STEPS = 1_000_000
"""Most steps of one evaluation: an expression is 20, and 64 characters or four elements that are made or compared are one."""

EXPRESSION_STEPS = 20
"""What one expression costs, whatever it does."""

MAX_TEXT = 4 * 1024 * 1024
"""Most characters of a text that an expression produces, and of the JSON text of an array or object."""

MAX_ELEMENTS = 1_000_000
"""Most elements of an array that an expression produces."""

MAX_NESTING = 128
"""Most levels of JSON that ``json()`` reads, and that has a text form."""

_CHARACTERS_A_STEP = 64
_ELEMENTS_A_STEP = 4


class Budget:
    """What is left of the steps of one evaluation."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Take ``steps`` away.

        Raises:
            Problem: ``EXPRESSION_TYPE``: there are not so many left.
        """
        self.left -= steps
        if self.left < 0:
            raise Problem(Code.EXPRESSION_TYPE, f"The evaluation takes more than {MAX_STEPS} steps.")

    def produce_text(self, size: int) -> None:
        """Allow a text of so many characters to be made; call it before, where the size is known.

        Raises:
            Problem: ``EXPRESSION_TYPE``: it would be too long.
        """
        if size > MAX_TEXT:
            raise Problem(Code.EXPRESSION_TYPE, f"The result would have more than {MAX_TEXT} characters.")
        self.spend(size // _CHARACTERS_A_STEP)

    def produce_elements(self, count: int) -> None:
        """Allow an array or object of so many elements to be made; call it before.

        Raises:
            Problem: ``EXPRESSION_TYPE``: there would be too many.
        """
        if count > MAX_ELEMENTS:
            raise Problem(Code.EXPRESSION_TYPE, f"The result would have more than {MAX_ELEMENTS} elements.")
        self.spend(count // _ELEMENTS_A_STEP)

    def look_through(self, count: int) -> None:
        """Allow the elements of an array or object to be compared.

        Raises:
            Problem: ``EXPRESSION_TYPE``: there is not so much left.
        """
        self.spend(1 + count // _ELEMENTS_A_STEP)
