"""What is computed of the elements of a list, in stages: each stage names what it computes, so that later ones can repeat the name.

It is what steps of queries are for rows. The alternative, a lambda in a lambda for each name, makes DuckDB's planning twice as long for
each, since it keeps two copies of every lambda; stages stand beside one another.
"""


class Stages:
    """Columns of the elements of one list: stage 0 computes of the element, which is called ``item``, each later one of what the earlier have.

    ``item`` must be a name that occurs in no SQL around it.
    """

    def __init__(self, item: str) -> None:
        self.item = item
        self._computed: list[tuple[int, str]] = []
        self._used: list[int] = []

    def put(self, stage: int, sql: str) -> int:
        """Compute ``sql`` in ``stage``; return the column's number. From the next stage on it can be used."""
        self._computed.append((stage, sql))
        self._used.append(stage)
        return len(self._computed) - 1

    def at(self, column: int, stage: int) -> str:
        """Return the SQL of a column, for use in ``stage`` only: a name that costs nothing to repeat."""
        self._used[column] = max(self._used[column], stage)
        return f"{self.item}.f{column}"

    def over(self, items: str, stage: int, result: str) -> str:
        """Return the list of ``result``, SQL of ``stage``, for each of the list ``items``."""
        for current in range(stage):
            parts = [
                f"'f{number}': {sql if computed == current else f'{self.item}.f{number}'}"
                for number, (computed, sql) in enumerate(self._computed)
                if computed <= current < self._used[number]
            ]
            items = f"list_transform({items}, lambda {self.item}: {{{', '.join(parts)}}})"
        return f"list_transform({items}, lambda {self.item}: {result})"
