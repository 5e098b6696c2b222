"""What Squiz Matrix would have made of a payload: a small reference in PHP's semantics, for tests only.

Keywords are replaced in the text as they stand, from left to right, and only then is the text read as JSON.
"""

import html
import json
import re


def php_text(value):
    """Write a value as PHP's string conversion does; missing is empty."""
    if value is None or value is False:
        return "0" if value is False else ""
    return "1" if value is True else str(value)


def ascii_lower(text):
    return "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in text)


def ascii_upper(text):
    return "".join(chr(ord(char) - 32) if "a" <= char <= "z" else char for char in text)


def is_loosely_equal(left, right):
    """PHP 8: two numeric strings compare as numbers, others as text."""
    try:
        return float(left) == float(right)
    except ValueError:
        return left == right


def is_empty(value):
    return value in ("", "0") or value == []


def either(holds, then="", otherwise=""):
    return then if holds else otherwise


def arg(args, index):
    return args[index] if index < len(args) else ""


MODIFIERS = {
    "append": lambda v, a: v + arg(a, 0),
    "append_if": lambda v, a: "" if is_empty(v) else v + arg(a, 0),
    "capitalize": lambda v, a: ascii_upper(v[:1]) + v[1:],
    "charcount": lambda v, a: str(len(v.encode())),
    "contains": lambda v, a: either(a[0] in v, *a[1:]),
    "count": lambda v, a: str(len(v)),
    "empty": lambda v, a: arg(a, 0) if is_empty(v) else (a[1] if len(a) > 1 else v),
    "eq": lambda v, a: either(is_loosely_equal(v, a[0]), *a[1:]),
    "escapehtml": lambda v, a: html.escape(v, quote=False).replace('"', "&quot;"),
    "escapequotes": lambda v, a: v.replace("\\", "\\\\").replace('"', '\\"'),
    "gt": lambda v, a: either(float(v or 0) > float(a[0]), *a[1:]),
    "implode": lambda v, a: arg(a, 0).join(v),
    "in_array": lambda v, a: either(a[0] in v, *a[1:]),
    "index": lambda v, a: v[int(a[0])] if int(a[0]) < len(v) else "",
    "json_decode": lambda v, a: v,
    "json_encode": lambda v, a: json.dumps(v)[1:-1].replace("/", "\\/"),
    "lowercase": lambda v, a: ascii_lower(v),
    "lt": lambda v, a: either(float(v or 0) < float(a[0]), *a[1:]),
    "maxchars": lambda v, a: v[: int(a[0])],
    "neq": lambda v, a: either(not is_loosely_equal(v, a[0]), *a[1:]),
    "nl2br": lambda v, a: v.replace("\n", "<br />\n"),
    "notempty": lambda v, a: v if is_empty(v) and len(a) < 2 else a[1] if is_empty(v) else a[0],
    "prepend": lambda v, a: arg(a, 0) + v,
    "prepend_if": lambda v, a: "" if is_empty(v) else arg(a, 0) + v,
    "replace": lambda v, a: v.replace(a[0], arg(a, 1)),
    "tag": lambda v, a: f"<{a[0]}>{v}</{a[0]}>",
    "tagif": lambda v, a: "" if is_empty(v) else f"<{a[0]}>{v}</{a[0]}>",
    "titleize": lambda v, a: re.sub(r"(^|\s)([a-z])", lambda found: found[1] + found[2].upper(), v),
    "trim": lambda v, a: v.strip(" \t\n\r\0\x0b"),
    "underscore": lambda v, a: re.sub(r"\s", "_", v),
    "uppercase": lambda v, a: ascii_upper(v),
}


def values_of(context):
    """Return what each keyword stands for, as Matrix kept it; with the names and ids of this site."""
    user, asset = context["user"], context["asset"]
    address = f"{context['site']['url']}/{asset['path']}"
    return {
        "globals_user_assetid": user["id"],
        "globals_user_name": user["display_name"],
        "globals_user_short_name": user["display_name"],
        **{f"globals_user_attribute_{name}": user[name] for name in ("username", "first_name", "last_name", "email")},
        **{f"globals_user_attribute_{name}": value for name, value in user["attributes"].items()},
        "globals_user_metadata_Cost-Centre": user["attributes"]["cost_centre"],
        "globals_user_member_groups": user["groups"],
        "globals_user_is_logged_in": True,
        "asset_has_write_access": asset["can_edit"],
        **dict.fromkeys(("asset_name", "asset_short_name"), asset["name"]),
        **dict.fromkeys(("globals_asset_name", "globals_asset_short_name"), asset["name"]),
        "asset_web_path": asset["path"],
        **dict.fromkeys(("asset_url", "globals_asset_url"), address),
        "globals_site_url": context["site"]["url"],
        "globals_date_U": context["now"],
        "globals_get_room": context["params"].get("room"),
    }


def claims_in_matrix(payload, context):
    """Return the claims that Matrix would have signed; raises ValueError where the text became no JSON."""
    values = values_of(context)

    def written(found):
        name, *modifiers = re.split(r"(?<!\\)\^", found[1])
        value = values[name]
        value = value if isinstance(value, list) else php_text(value)
        for modifier in modifiers:
            word, *args = [part.replace("\\:", ":").replace("\\^", "^") for part in re.split(r"(?<!\\):", modifier)]
            value = MODIFIERS[word](value, args)
        return ",".join(value) if isinstance(value, list) else value

    return json.loads(re.sub(r"%([a-z]+_[^%]+)%", written, payload))
