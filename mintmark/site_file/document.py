"""From plain data to entries: the document, its sections, and everything about them that needs no database.

Rule: every problem is collected, none hides another; a field of which something was said is
not read again.
"""

from collections.abc import Iterable
from typing import Any

from mintmark.fields import may_repeat
from mintmark.passwords import read_password
from mintmark.site_file.problems import Entry, Problems, label_of
from mintmark.site_file.reading import read_tree
from mintmark.site_file.sections import SECRET_FIELDS, SECTIONS, Section
from mintmark.site_file.tree import Fault, Tree

VERSION = 1
_NO_MEMBER: Any = object()


class Document:
    """The entries of a site file by section, in its order, and what is wrong with them.

    One that has no usable name has no key either: what else is wrong with it is found out, too. One
    that is in the file twice is there once.
    """

    def __init__(self, text: str) -> None:
        """Read. Raises InvalidFields where nothing more can be said about the text."""
        self.problems = Problems()
        self.sections: dict[str, list[Entry]] = {name: [] for name in SECTIONS}
        self._by_place: dict[tuple[str, int], Entry] = {}
        tree = read_tree(text)
        if not isinstance(tree.root, dict):
            self.problems.add_of_file("text", "takes fields with values, the first of them “mintmark: 1”")
            self.problems.see_none()
        self._read_version(tree.root)
        for name in tree.root:
            self._read_section(name, tree)
        self._tell_faults(fault for fault in tree.faults if not self._is_of_entry(fault))

    def _read_version(self, root: dict[str, Any]) -> None:
        version = root.get("mintmark", _NO_MEMBER)
        if version is _NO_MEMBER:
            self.problems.add_of_file("mintmark", "is missing; the first line of a site file is “mintmark: 1”")
        elif isinstance(version, bool) or not isinstance(version, int):
            self.problems.add_of_file("mintmark", f"takes the whole number {VERSION}")
        elif version != VERSION:
            self.problems.add_of_file("mintmark", f"is {version}; this version of Mintmark reads {VERSION}")
            self.problems.see_none()

    def _read_section(self, name: str, tree: Tree) -> None:
        if name == "mintmark":
            return
        if name not in SECTIONS:
            known = ", ".join(SECTIONS)
            return self.problems.add_of_file(name[:80], f"is no section of a site file; there are {known}")
        items = tree.root[name]
        if not isinstance(items, list):
            return self.problems.add_of_file(name, "takes a list of entries; [] is none")
        faults: dict[int, list[Fault]] = {}
        for fault in tree.faults:
            if self._is_of_entry(fault) and fault.path[0] == name:
                faults.setdefault(int(fault.path[1]), []).append(fault)
        reader = _EntryReader(name, self.problems)
        for index, item in enumerate(items):
            if entry := reader.read(index, item, faults.get(index, ())):
                self.sections[name].append(entry)

    @staticmethod
    def _is_of_entry(fault: Fault) -> bool:
        return len(fault.path) > 1 and fault.path[0] in SECTIONS and isinstance(fault.path[1], int)

    def _tell_faults(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            field = ".".join(map(str, fault.path[:3])) or "text"
            self.problems.add_of_file(field[:200], fault.words)


class _EntryReader:
    """Reads the entries of one section and remembers which names were there."""

    def __init__(self, name: str, problems: Problems) -> None:
        self._name, self._problems = name, problems
        self._section: Section = SECTIONS[name]
        self._number = list(SECTIONS).index(name)
        self._seen: dict[str, Entry] = {}

    def read(self, index: int, item: Any, faults: Iterable[Fault]) -> Entry | None:
        """Return the entry; None where there is nothing to compare."""
        name = item.get(self._section.named_by) if isinstance(item, dict) else None
        label = f"{self._name} #{index + 1}"
        if isinstance(name, str) and name and (self._name != "signing_keys" or may_repeat(name)):
            label = label_of(self._name, name)
        elif self._name == "trusted_issuers" and isinstance(item, dict) and item.get("issuer", "") is None:
            label = label_of(self._name, "null")
        entry = Entry(self._name, (self._number, index + 1), label)
        for fault in faults:
            self._tell(entry, fault)
        if not isinstance(item, dict):
            self._problems.add(entry, "entry", "takes fields with values")
            return None
        for field, value in item.items():
            self._read_field(entry, field, value)
        if entry.section == "people":
            self._see_password(entry)
        return entry if self._give_key(entry) else None

    def _tell(self, entry: Entry, fault: Fault) -> None:
        """Name the field as far as it may be named: below a secret, a name may be the secret itself."""
        field = str(fault.path[2]) if len(fault.path) > 2 else "entry"
        entry.faulty.add(field)
        if field in SECRET_FIELDS or len(fault.path) < 4:
            return self._problems.add(entry, field[:80], fault.words)
        deeper = [str(step + 1) if isinstance(step, int) else step for step in fault.path[3:]]
        self._problems.add(entry, ".".join([field, *deeper])[:200], fault.words)

    def _read_field(self, entry: Entry, field: str, value: Any) -> None:
        if field not in self._section.readers:
            known = ", ".join(self._section.readers)
            self._problems.add(entry, field[:80], f"is no field of {self._name}; there are {known}")
        elif field not in entry.faulty:
            with self._problems.catching(entry, field):
                entry.values[field] = self._section.readers[field](value, field)

    def _see_password(self, entry: Entry) -> None:
        if "password" in entry.values:
            with self._problems.catching(entry, "password"):
                read_password(entry.values["password"], username=entry.values.get("username", ""))

    def _give_key(self, entry: Entry) -> bool:
        """Tell whether this is the first entry of its name."""
        named_by = self._section.named_by
        if named_by not in entry.values:
            if named_by not in entry.faulty:
                self._problems.add(entry, named_by, "is missing")
            return True
        entry.key = self._section.key_of(entry.values[named_by])
        first = self._seen.setdefault(entry.key, entry)
        if first is not entry:
            self._problems.add(entry, named_by, f"is in the file twice: entry #{first.place[1]} has it too")
            return False
        return True
