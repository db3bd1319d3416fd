"""Reading what Moodle exports: log rows as JSON lines or CSV, plain or gzip, and small CSV tables."""
import csv
import gzip
import io
import json


def to_int(value):
    """An id or a number as int; None for null. Moodle exports give 5, "5", "", NULL or \\N."""
    if value is None or isinstance(value, int):
        return value
    text = str(value).strip()
    if text in ("", "NULL", "null", "\\N"):
        return None
    return int(text)


def php_value(data, at):
    """One PHP-serialised value at data[at:]; returns (value, position after it).

    Lengths of strings are in bytes, hence bytes here.
    """
    kind = data[at:at + 1]
    if kind == b"N":
        return None, at + 2
    if kind in (b"i", b"b", b"d"):
        end = data.index(b";", at)
        text = data[at + 2:end].decode()
        return (float(text) if kind == b"d" else int(text)), end + 1
    if kind == b"s":
        colon = data.index(b":", at + 2)
        begin = colon + 2
        end = begin + int(data[at + 2:colon])
        return data[begin:end].decode("utf-8", "replace"), end + 2
    if kind in (b"a", b"O"):
        at += 2
        if kind == b"O":                     # O:8:"stdClass":2:{...}: skip the class
            colon = data.index(b":", at)
            at = colon + 1 + int(data[at:colon]) + 3
        colon = data.index(b":", at)
        count = int(data[at:colon])
        at = colon + 2
        result = {}
        for _ in range(count):
            key, at = php_value(data, at)
            result[str(key)], at = php_value(data, at)
        return result, at + 1
    raise ValueError("not a PHP-serialised value")


def parse_other(value):
    """The `other` column as a dict, whichever way it was written; {} if empty or unreadable."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, str) or value == "":
        return {}
    try:
        parsed = json.loads(value)
    except ValueError:
        try:
            parsed = php_value(value.encode("utf-8"), 0)[0]
        except (ValueError, IndexError):
            return {}
    return parsed if isinstance(parsed, dict) else {}


def lines_of(path, note):
    """Lines of a plain or gzip file; a gzip stream cut short gives the lines it still holds."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
        try:
            yield from text
        except EOFError:
            note("gzip stream cut short")


def read_rows(path, note):
    """Log rows as dicts. A truncated last line is reported and ignored; a bad line too."""
    lines = lines_of(path, note)
    first = next(lines, "")
    if first.lstrip().startswith("{"):
        yield from read_json(first, lines, note)
    else:
        yield from read_csv(first, lines, note)


def read_json(first, lines, note):
    bad = None                               # a bad line is "the last" only if none follows
    line = first
    while line != "":
        if line.strip():
            if bad:
                note("unreadable line")
            bad = None
            try:
                row = json.loads(line)
                if isinstance(row, dict):
                    yield row
                else:
                    bad = line
            except ValueError:
                bad = line
        line = next(lines, "")
    if bad:
        note("truncated last line")


def read_csv(first, lines, note):
    csv.field_size_limit(1 << 30)            # a restored page's `other` may be long
    header = next(csv.reader([first]))
    bad = False
    for fields in csv.reader(lines):
        if bad:
            note("unreadable line")
        bad = len(fields) not in (0, len(header))
        if fields and not bad:
            yield dict(zip(header, fields))
    if bad:
        note("truncated last line")


def read_table(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))
