"""Which time zone a place is in."""

import re
import zoneinfo
from functools import cache
from zoneinfo import ZoneInfo

# Cities and countries that the zone database does not name.
_PLACES = {
    "Africa/Addis_Ababa": "ethiopia",
    "Africa/Cairo": "egypt, alexandria",
    "Africa/Casablanca": "morocco, rabat, marrakesh, marrakech",
    "Africa/Johannesburg": "south africa, cape town, durban, pretoria",
    "Africa/Lagos": "nigeria, abuja",
    "Africa/Nairobi": "kenya, mombasa",
    "America/Argentina/Buenos_Aires": "argentina",
    "America/Bogota": "colombia, medellin",
    "America/Chicago": "dallas, houston, austin, san antonio, new orleans, minneapolis, st louis, memphis, "
    "nashville, "
    "milwaukee, kansas city, illinois, us central, central time, cst, cdt",
    "America/Denver": "colorado, salt lake city, utah, albuquerque, mountain time, mst, mdt",
    "America/Lima": "peru",
    "America/Los_Angeles": "la, san francisco, sf, san diego, seattle, portland, las vegas, sacramento, san jose, "
    "oakland, "
    "california, silicon valley, washington state, pacific time, pst, pdt",
    "America/Mexico_City": "cdmx",
    "America/New_York": "nyc, new york city, boston, washington, washington dc, washington d.c, philadelphia, miami, "
    "atlanta, orlando, baltimore, pittsburgh, cleveland, massachusetts, eastern time, est, edt",
    "America/Phoenix": "arizona",
    "America/Santiago": "chile",
    "America/Sao_Paulo": "rio, rio de janeiro, brasilia, são paulo",
    "America/Toronto": "ottawa, montreal",
    "America/Vancouver": "british columbia",
    "Asia/Bangkok": "thailand, chiang mai, phuket",
    "Asia/Dhaka": "bangladesh",
    "Asia/Dubai": "uae, abu dhabi, the uae, united arab emirates",
    "Asia/Ho_Chi_Minh": "vietnam, hanoi",
    "Asia/Hong_Kong": "hongkong",
    "Asia/Jakarta": "java, bandung",
    "Asia/Jerusalem": "israel",
    "Asia/Karachi": "pakistan, lahore, islamabad",
    "Asia/Kathmandu": "nepal",
    "Asia/Kolkata": "india, mumbai, bombay, delhi, new delhi, bangalore, bengaluru, chennai, hyderabad, pune, "
    "ahmedabad, "
    "calcutta, jaipur, nagpur, ist",
    "Asia/Kuala_Lumpur": "malaysia",
    "Asia/Manila": "the philippines, philippines",
    "Asia/Qatar": "doha",
    "Asia/Riyadh": "saudi arabia, jeddah, mecca",
    "Asia/Seoul": "korea, south korea, busan",
    "Asia/Shanghai": "china, beijing, peking, shenzhen, guangzhou, hangzhou, wuhan, chengdu",
    "Asia/Tehran": "iran",
    "Asia/Tokyo": "japan, kyoto, osaka, nagoya, sapporo, yokohama, hiroshima, fukuoka, jst",
    "Atlantic/Reykjavik": "iceland",
    "Australia/Adelaide": "south australia",
    "Australia/Sydney": "canberra, new south wales",
    "Europe/Amsterdam": "the netherlands, netherlands, holland, rotterdam, the hague",
    "Europe/Athens": "greece",
    "Europe/Berlin": "germany, munich, hamburg, frankfurt, cologne, stuttgart, düsseldorf, dusseldorf, leipzig, cet, "
    "cest",
    "Europe/Brussels": "belgium, antwerp",
    "Europe/Bucharest": "romania",
    "Europe/Budapest": "hungary",
    "Europe/Copenhagen": "denmark",
    "Europe/Dublin": "ireland, cork",
    "Europe/Helsinki": "finland",
    "Europe/Istanbul": "turkey, ankara, türkiye",
    "Europe/Kyiv": "ukraine, kiev",
    "Europe/Lisbon": "portugal, porto",
    "Europe/London": "england, uk, the uk, britain, great britain, united kingdom, manchester, birmingham, "
    "edinburgh, glasgow, "
    "liverpool, oxford, cambridge, scotland, wales, cardiff, gmt time, bst",
    "Europe/Madrid": "spain, barcelona, seville, valencia",
    "Europe/Moscow": "saint petersburg, st petersburg",
    "Europe/Oslo": "norway, bergen",
    "Europe/Paris": "france, lyon, marseille, nice, toulouse, bordeaux",
    "Europe/Prague": "the czech republic, czechia, czech republic",
    "Europe/Rome": "italy, milan, naples, florence, venice, turin",
    "Europe/Sofia": "bulgaria",
    "Europe/Stockholm": "sweden, gothenburg",
    "Europe/Vienna": "austria, salzburg, graz",
    "Europe/Warsaw": "poland, krakow",
    "Europe/Zurich": "switzerland, geneva, basel, bern, zürich",
    "Pacific/Auckland": "new zealand, wellington, christchurch",
    "Pacific/Honolulu": "hawaii",
    "UTC": "utc, gmt, zulu, universal time, greenwich",
}
_SEVERAL = {
    "america": "usa, us, u.s, u.s.a, america, united states, united states of america, states, canada, brazil, mexico, "
    "greenland, texas, florida, ontario, quebec",
    "elsewhere": "australia, russia, russian federation, indonesia, mongolia, democratic republic of the congo, "
    "kiribati, micronesia, papua new guinea, siberia",
}
_SEVERAL_ZONES = frozenset(name for names in _SEVERAL.values() for name in names.split(", "))
_NAMES = {name: zone for zone, names in _PLACES.items() for name in names.split(", ")}
_AREAS = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific", "Arctic", "Antarctica")
_NOT_LETTERS = re.compile(r"[^\w ]+")


@cache
def zone_names() -> frozenset[str]:
    """Returns every IANA name that this machine knows."""
    return frozenset(zoneinfo.available_timezones())


@cache
def _cities() -> dict[str, str]:
    cities = {
        name.rsplit("/", 1)[1].replace("_", " ").casefold(): name
        for name in sorted(zone_names())
        if name.split("/", 1)[0] in _AREAS and "/" in name
    }
    return cities | _NAMES | {name.casefold(): name for name in zone_names() if "/" in name}


def find_zone(place: str) -> ZoneInfo | None:
    """Finds the zone of a city, country or IANA name in any case, None if it is unknown."""
    place = place.strip().casefold()
    if has_several_zones(place) or _contradicts_itself(place):
        return None
    candidates = [place, _NOT_LETTERS.sub("", place)]
    # "paris, france" and "austin texas": the city says it.
    candidates += [place.split(",", 1)[0].strip(), place.removeprefix("the "), place.removeprefix("the city of ")]
    for candidate in candidates:
        if name := _cities().get(candidate):
            return ZoneInfo(name)
    return None


def has_several_zones(place: str) -> bool:
    """Tells whether a country or state is in several zones, so that only a city has one time."""
    return place.strip().casefold().removeprefix("the ") in _SEVERAL_ZONES


def _contradicts_itself(place: str) -> bool:
    """Tells whether the region names another zone than the city: Paris in Texas is not the known one."""
    city, comma, region = place.partition(",")
    zones = [_cities().get(part.strip()) for part in (city, region)]
    if comma and region.strip() == "texas":
        return zones[0] not in {"America/Chicago", "America/Denver"}
    return bool(comma) and None not in zones and zones[0] != zones[1]


def city_of(zone: ZoneInfo) -> str:
    """Returns the city in a zone's name, for example `New York`."""
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")
