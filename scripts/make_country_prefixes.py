"""Write dbt's seed of country prefixes from the metadata of libphonenumber.

A row is a beginning of international numbers, without the plus, and the country of the numbers that
begin so, unless a longer row begins them too. Most countries have a calling code of their own; of
the others, each gets the shortest beginnings that no country before it in libphonenumber's order
can have. Where eight digits do not decide, the first of the order gets them, as in the library.
"""

from __future__ import annotations

import csv
import io
import sys
from functools import cache

import regex
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.geodata.locale import LOCALE_DATA

from pipeline.root import ROOT

SEED = ROOT / "dbt" / "seeds" / "mailjet_sms_country_prefixes.csv"
LONGEST = 8
# Calling codes that belong to no country: free phone, satellites, networks.
NOWHERE = ("001",)
# Kinds of numbers that a person or a shop can have; the others cannot be sent a message.
KINDS = ("fixed_line", "mobile", "pager", "personal_number", "toll_free", "voip")
# Which the library numbers and does not name.
NAMES = {"AC": "Ascension Island", "TA": "Tristan da Cunha", "XK": "Kosovo"}


def seed() -> str:
    """The file's text."""
    file = io.StringIO(newline="")
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("prefix", "country_code", "country_name"))
    for prefix, region in sorted(prefixes().items()):
        rows.writerow((prefix, region, _name(region)))
    return file.getvalue()


def prefixes() -> dict[str, str]:
    """The country of each prefix."""
    found = {}
    for calling_code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        if regions != NOWHERE:
            first = regions[0]
            shared = _decided(str(calling_code), "", regions) if len(regions) > 1 else {}
            found[str(calling_code)] = first
            found |= {prefix: region for prefix, region in shared.items() if region != first}
    return found


def _decided(calling_code: str, digits: str, regions: tuple[str, ...]) -> dict[str, str]:
    """The shortest beginnings from these digits on, and whose they are."""
    prefix = calling_code + digits
    possible = tuple(region for region in regions if _can_begin(region, digits))
    if not possible:
        return {}
    if len(possible) == 1 or len(prefix) == LONGEST or _is_marked(possible[0], digits):
        return {prefix: possible[0]}
    longer: dict[str, str] = {}
    for digit in "0123456789":
        longer |= _decided(calling_code, digits + digit, possible)
    owners = set(longer.values())
    return {prefix: owners.pop()} if len(owners) == 1 else longer


def _can_begin(region: str, digits: str) -> bool:
    """Whether a number of the region, without its calling code, can begin with these digits."""
    return bool(_numbers(region).fullmatch(digits, partial=True))


@cache
def _numbers(region: str) -> regex.Pattern[str]:
    """What the region's numbers are like, as far as the library looks to tell them from others."""
    metadata = _metadata(region)
    if metadata.leading_digits is not None:
        return regex.compile(rf"(?:{metadata.leading_digits})\d*")
    kinds = [getattr(metadata, name) for name in KINDS]
    patterns = [kind.national_number_pattern for kind in kinds if kind is not None]
    return regex.compile("|".join(f"(?:{pattern})" for pattern in patterns if pattern))


def _is_marked(region: str, digits: str) -> bool:
    """Whether the digits alone tell that the number is the region's."""
    leading = _metadata(region).leading_digits
    return leading is not None and regex.match(leading, digits) is not None


def _metadata(region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        msg = f"libphonenumber has no metadata of {region}"
        raise LookupError(msg)
    return metadata


def _name(region: str) -> str:
    """The English name. A name with a star is that of another language."""
    if region in NAMES:
        return NAMES[region]
    names = LOCALE_DATA[region]
    name = names["en"]
    return names[name.removeprefix("*")] if name.startswith("*") else name


def main() -> int:
    """Write the seed, and say the figures that dbt's own test of it must name."""
    SEED.write_text(seed(), encoding="utf-8")
    found = prefixes()
    total, countries = sum(map(int, found)), len(set(found.values()))
    print(f"{len(found)} prefixes, {total} in total, of {countries} countries")
    return 0


if __name__ == "__main__":
    sys.exit(main())
