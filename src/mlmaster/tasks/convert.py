"""Tables in other formats (Parquet, JSON records, JSON lines) as rows of strings, streamed where the format allows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlmaster.errors import DataError
from mlmaster.tasks.encoding import find_encoding, open_bytes
from mlmaster.tasks.table import iterate_rows, read_header, sniff, write_rows

PARQUET = (".parquet", ".pq")
JSON = (".json", ".jsonl", ".ndjson")
DELIMITED = (".csv", ".tsv", ".tab", ".txt")
BATCH_ROWS = 10_000


def convert(source: Path, target: Path) -> int:
    """Write a table of any known format as a UTF-8 CSV file and return its number of rows.

    Raises:
        DataError: The file is broken, of no known format, or Parquet without pyarrow.
    """
    suffix = source.suffix.lower()
    if suffix in PARQUET:
        header, rows = _read_parquet(source)
    elif suffix in JSON:
        header, rows = _read_json(source)
    elif suffix in DELIMITED:
        delimiter = sniff(source).delimiter
        header, rows = read_header(source, delimiter), iterate_rows(source, delimiter)
    else:
        with open_bytes(source):
            pass
        find_encoding(source)
        raise DataError(
            f"{source}: cannot tell its format by {suffix or 'no suffix'!r}; give .csv, .tsv, .parquet or .json"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        count = write_rows(part, header, rows)
        if count == 0:
            raise DataError(f"{source}: has {len(header)} columns but no rows; give a table with rows")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return count


def to_cell(value: Any) -> str:
    """Return a value as it stands in a CSV cell; what is missing becomes empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _read_parquet(path: Path) -> tuple[Sequence[str], Iterator[list[str]]]:
    with open_bytes(path) as file:
        if file.read(4) != b"PAR1":
            raise DataError(f"{path}: is no Parquet file (it does not begin with PAR1); check what wrote it")
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(f"{path}: reading Parquet needs pyarrow; pip install 'ml-master[parquet]'") from error
    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}); write it again") from error
    # pandas stores its index as a column of its own; row numbers are left out.
    header = [name for name in table.schema_arrow.names if not name.startswith("__index_level_")]
    _refuse_repeats(path, header)

    def rows() -> Iterator[list[str]]:
        try:
            for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=header):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield [to_cell(value) for value in values]
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: cannot be read as Parquet ({error}); write it again") from error

    return header, rows()


def _read_json(path: Path) -> tuple[Sequence[str], Iterator[list[str]]]:
    encoding = find_encoding(path)
    with path.open(encoding=encoding) as file:
        start = file.read(4096).lstrip()[:1]
    header = list(dict.fromkeys(name for record in _records(path, encoding, start) for name in record))
    if not header:
        raise DataError(f"{path}: holds no records; give a list of objects, or one object a line")
    return header, ([to_cell(record.get(name)) for name in header] for record in _records(path, encoding, start))


def _records(path: Path, encoding: str, start: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list (held whole in memory) or of lines (one at a time)."""
    if start == "[":
        try:
            values: Iterable[Any] = json.loads(path.read_text(encoding=encoding))
        except json.JSONDecodeError as error:
            raise DataError(f"{path}: line {error.lineno}: {error.msg}; mend the JSON") from error
    else:
        values = _lines(path, encoding)
    for row, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise DataError(
                f"{path}: record {row} is {json.dumps(value)[:40]}, no object; give a list of objects, or one object a line"
            )
        yield value


def _lines(path: Path, encoding: str) -> Iterator[Any]:
    with path.open(encoding=encoding) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield json.loads(line)
                except json.JSONDecodeError as error:
                    raise DataError(
                        f"{path}: line {number}: {error.msg}; give one JSON object a line, or a list of objects"
                    ) from error


def _refuse_repeats(path: Path, header: Sequence[str]) -> None:
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{path}: the column name {name!r} occurs {header.count(name)} times; rename all but one")
