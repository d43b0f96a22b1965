"""A reader of delimited text that goes letter by letter, for tests: what contract 9.5 says, written as plainly as possible."""

from headrace.dataplane.transfer.request import Delimited

Row = tuple[str | None, ...]


class Model:
    """Rows of a text, and numbers of the lines that are refused."""

    def __init__(self, text: str, form: Delimited) -> None:
        self.text, self.form = text, form
        self.escape = form.escape or form.quote
        self.rows: list[Row] = []
        self.refused: list[int] = []
        self.columns: tuple[str, ...] | None = None
        self._place = 0
        self._read()

    def _read(self) -> None:
        number, skipped = 1, 0
        while skipped < self.form.skip_lines and self._place < len(self.text):
            start = self._place
            while self._place < len(self.text) and not self._end_at(self._place):
                self._place += 1
            skipped += self._place > start
            self._place += self._end_at(self._place)
            number += 1
        header = self.form.header
        while self._place < len(self.text):
            record = self._record()
            if record is None:
                self.refused.append(number)
            elif record or (not self.form.quote and self._is_one_column()):
                if header:
                    self.columns, header = tuple(cell or "" for cell in record), False
                else:
                    self._take(record, number)
            number += 1

    def _is_one_column(self) -> bool:
        return self.columns is None or len(self.columns) == 1

    def _take(self, record: list[str | None], number: int) -> None:
        if self.columns is None:
            self.columns = tuple(f"Prop_{at}" for at in range(max(1, len(record))))
        if not record:
            record = [None if not self.form.null else ""]
        if len(record) > len(self.columns):
            self.refused.append(number)
        else:
            self.rows.append((*record, *[None] * (len(self.columns) - len(record))))

    def _end_at(self, place: int) -> int:
        ends = (self.form.row_delimiter,) if self.form.row_delimiter else ("\r\n", "\r", "\n")
        return next((len(end) for end in ends if self.text.startswith(end, place)), 0)

    def _record(self) -> list[str | None] | None:
        """Return the next record, [] for a line of nothing, None for what is no row."""
        start, cells = self._place, list[str | None]()
        if self._end_at(start):
            self._place += self._end_at(start)
            return []
        while True:
            quoted = bool(self.form.quote) and self.text.startswith(self.form.quote, self._place)
            cell = self._quoted() if quoted else self._bare()
            if cell is None:
                self._after_line(start)
                return None
            is_null = cell == self.form.null and (not quoted or cell == "")
            cells.append(None if is_null else cell)
            if self._place == len(self.text):
                return cells
            if end := self._end_at(self._place):
                self._place += end
                return cells
            if not (self.form.delimiter and self.text.startswith(self.form.delimiter, self._place)):
                self._after_line(self._place)
                return None
            self._place += len(self.form.delimiter)

    def _after_line(self, place: int) -> None:
        while place < len(self.text) and not self._end_at(place):
            place += 1
        self._place = place + self._end_at(place)

    def _bare(self) -> str:
        stop = self._place
        while stop < len(self.text) and not self._end_at(stop):
            stop += 1
        cell = ""
        while self._place < stop:
            if self.form.delimiter and self.text[:stop].startswith(self.form.delimiter, self._place):
                run = len(cell) - len(cell.rstrip(self.escape)) if self.escape and not self.form.quote else 0
                # Escape characters that are text since an escaped delimiter follows them do not count again.
                run = min(run, self._place - self._begun)
                cell = cell[: len(cell) - run] + self.escape * (run // 2)
                if run % 2 == 0:
                    break
                cell += self.form.delimiter
                self._place += len(self.form.delimiter)
                self._begun = self._place
                continue
            cell += self.text[self._place]
            self._place += 1
        return cell

    _begun = 0

    def _quoted(self) -> str | None:
        quote, cell = self.form.quote, ""
        place = self._place + 1
        while place < len(self.text):
            run = 0
            while self.escape != quote and self.text.startswith(self.escape, place + run):
                run += 1
            if run and not self.text.startswith(quote, place + run):
                cell, place = cell + self.escape * run, place + run
                continue
            cell, place = cell + self.escape * (run // 2), place + run
            if self.text.startswith(quote * 2, place) and run % 2 == 0:
                cell, place = cell + quote, place + 2
            elif self.text.startswith(quote, place):
                if run % 2 == 0:
                    self._place = place + 1
                    return cell
                cell, place = cell + quote, place + 1
            elif place < len(self.text):
                cell, place = cell + self.text[place], place + 1
        return None
