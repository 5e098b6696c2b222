"""The modifiers of Squiz Matrix by name: those that become something, and those that become nothing, with the reason.

Rule: documented names only (docs.squiz.net/matrix, “Keyword modifiers”). A name that is not in these tables is not
guessed at: its keyword cannot be carried over.
"""

from collections.abc import Callable

from . import choices, texts
from .given import Given, Way, see_plain
from .report import Lost

MAX_MODIFIERS = 12
_Modifier = Callable[[Given, list[str], Way], Given]


def modify(given: Given, name: str, arguments: list[str], way: Way) -> Given:
    """Return what a modifier makes of it. Raises Lost."""
    work = _TABLE.get(name)
    if work is None:
        raise Lost(f"`{name[:40]}`: {_LOST.get(name, 'no such modifier is known.')}")
    try:
        see_plain("".join(arguments))
        return work(given, arguments, way)
    except Lost as lost:
        raise Lost(f"`{name[:40]}`: {lost}") from None


_TABLE: dict[str, _Modifier] = {
    "append": texts.append,
    "append_if": texts.append_if,
    "capitalize": texts.capitals,
    "charcount": texts.charcount,
    "contains": choices.contains,
    "count": choices.count,
    "empty": choices.empty,
    "eq": choices.eq,
    "escapehtml": texts.escapehtml,
    "escapequotes": texts.escapequotes,
    "gt": choices.larger,
    "implode": choices.implode,
    "in_array": choices.in_array,
    "index": choices.index,
    "json_decode": choices.json_decode,
    "json_encode": texts.json_encode,
    "lowercase": texts.lowercase,
    "lt": choices.smaller,
    "maxchars": texts.maxchars,
    "neq": choices.neq,
    "nl2br": texts.nl2br,
    "notempty": choices.notempty,
    "prepend": texts.prepend,
    "prepend_if": texts.prepend_if,
    "replace": texts.replace,
    "tag": texts.tag,
    "tagif": texts.tagif,
    "titleize": texts.capitals,
    "trim": texts.trim,
    "underscore": texts.underscore,
    "uppercase": texts.uppercase,
}
_ARITHMETIC = "templates do not calculate; keep the number as an attribute of people."
_LOST = {
    **dict.fromkeys(("abs", "add", "divide", "floor", "modulo", "multiply", "subtract"), _ARITHMETIC),
    "array_key_exists": "there are no arrays with keys here.",
    "array_slice": "lists are taken whole, or one item by its number.",
    "as_asset": "templates read no other asset.",
    "base64decode": "templates do not decode.",
    "base64encode": "templates do not encode.",
    "cdata": "there is no XML in a token.",
    "css_safe": "there is no style sheet in a token.",
    "date_format": "moments have one form here: seconds since 1970, `{{ now }}`.",
    "explode": "text is not taken apart here; declare an attribute that is a list.",
    "htmlentities": "templates write letters as they are; most relying parties escape themselves.",
    "lastchars": "only the first characters can be taken: `truncate`.",
    "maxwords": "words are not counted here.",
    "preg_replace": "it searches by a regular expression, which templates do not have.",
    "rawurlencode": "templates do not encode for URLs; most relying parties do so themselves.",
    "replace_keywords": "an argument holds a keyword of its own, between { and }.",
    "striphtml": "templates take no HTML away; see that people’s data have none.",
    "urldecode": "templates do not decode.",
    "urlencode": "templates do not encode for URLs; most relying parties do so themselves.",
    "with_get": "templates read no other asset.",
    "wordcount": "words are not counted here.",
    "xpath": "templates do not read XML.",
}
