"""A browser's part of a form, without a browser: what a page's form would send, with some fields changed."""

from html.parser import HTMLParser


class _Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms, self._fields, self._area, self._select = [], None, None, None

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        name, kind = found.get("name"), found.get("type", "text")
        if tag == "form":
            self._fields = {}
            self.forms.append((found, self._fields))
        elif tag == "textarea":
            self._area = [name, ""]
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in found:
            self._add(self._select, found["value"])
        elif tag == "input" and name:
            if kind not in ("checkbox", "radio") or "checked" in found:
                self._add(name, found.get("value", ""))

    def handle_data(self, data):
        if self._area:
            self._area[1] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            name, text = self._area
            self._add(name, text.removeprefix("\n"))  # HTML: one line end behind the tag is none of the text.
            self._area = None
        elif tag == "form":
            self._fields = None

    def _add(self, name, value):
        if self._fields is not None:
            self._fields.setdefault(name, []).append(value)


def fields_of(answer):
    """Return name → values of the form of a page that changes the thing it shows (not the one that signs out)."""
    parser = _Forms()
    parser.feed(answer.text)
    forms = [fields for found, fields in parser.forms if found.get("method") == "post" and "action" not in found]
    assert len(forms) == 1, answer.text
    return forms[0]


def sent(fields):
    """Return fields as a browser sends them: line ends are CR LF, and those of one line were taken away before."""
    return {name: [value.replace("\n", "\r\n") for value in values] for name, values in fields.items()}


def submit(client, address, **changed):
    """Load a page, change some fields of its form (None: not sent), and send it."""
    fields = fields_of(client.get(address))
    for name, value in changed.items():
        fields[name] = value if isinstance(value, list) else [] if value is None else [value]
    return client.post(address, data=sent(fields))
