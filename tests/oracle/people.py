"""Dimensions of a person: sex, age band, country."""
from logfile import to_int

UNKNOWN = "inconnu"
NOBODY = (UNKNOWN, UNKNOWN, UNKNOWN)


def age_band(born, on):
    years = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    if years < 18:
        return "<18"
    return "18-24" if years <= 24 else "25-35" if years <= 35 else ">35"


class People:
    """Sex, age band and country by person. `mapping` is {column: dimension}."""

    def __init__(self, rows, mapping, zone):
        columns = {"sex": "sex", "age_band": "age", "country": "country", "birthdate": "birthdate"}
        for column, dimension in mapping.items():
            # the site's mapping replaces the default column of that dimension
            columns = {c: d for c, d in columns.items() if d != dimension}
            columns[column] = dimension
        self.zone = zone
        self.values = {}
        for row in rows:
            self.values[to_int(row["id"])] = {
                dimension: (row.get(column) or "").strip() for column, dimension in columns.items()}

    def dimensions(self, person, start):
        known = self.values.get(person, {})
        age = known.get("age", "")
        born = self.zone.date_of(known.get("birthdate")) if not age else None
        if born:
            age = age_band(born, self.zone.day(start))
        return (known.get("sex") or UNKNOWN, age or UNKNOWN, known.get("country") or UNKNOWN)

    def countries(self):
        """Every country of the file, for a programme that gives no list."""
        return {known["country"] for known in self.values.values() if known.get("country")} - {UNKNOWN}
