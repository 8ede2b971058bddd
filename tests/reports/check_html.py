#!/usr/bin/env python3
"""Compares the structure of two HTML files: one made with harmless text, one with hostile text in the same places.

Every element and attribute must be the same in both; attribute values too, except those that hold text for people.
usage: check_html.py [--ignore TAG]... HARMLESS HOSTILE
"""
import argparse
import html.parser
import itertools
import sys

TEXT_ATTRIBUTES = {"alt", "aria-label", "title"}


class Structure(html.parser.HTMLParser):
    def __init__(self, ignore):
        super().__init__(convert_charrefs=True)
        self.ignore, self.events, self.raw = ignore, [], False

    def handle_starttag(self, tag, attributes):
        if tag in self.ignore:
            return
        shown = [(name, None if name in TEXT_ATTRIBUTES else value) for name, value in attributes]
        self.events.append(("start", tag, shown, self.getpos()))

    def handle_endtag(self, tag):
        if tag not in self.ignore:
            self.events.append(("end", tag, [], self.getpos()))

    def handle_comment(self, data):
        self.events.append(("comment", data, [], self.getpos()))

    def handle_decl(self, data):
        self.events.append(("declaration", data, [], self.getpos()))

    def handle_pi(self, data):
        self.events.append(("instruction", data, [], self.getpos()))

    def unknown_decl(self, data):
        self.events.append(("unknown", data, [], self.getpos()))


def structure(path, ignore):
    text = open(path, encoding="utf-8", errors="strict", newline="").read()
    for c in text:
        if (ord(c) < 32 and c not in "\n\r") or 0x7F <= ord(c) < 0xA0:
            sys.exit(f"{path}: control character U+{ord(c):04X}")
        if 0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069 or ord(c) in (0x200B, 0x61C, 0xFEFF):
            sys.exit(f"{path}: invisible character U+{ord(c):04X}")
    parser = Structure(set(ignore))
    parser.feed(text)
    parser.close()
    return parser.events


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ignore", action="append", default=[])
    parser.add_argument("harmless")
    parser.add_argument("hostile")
    given = parser.parse_args()
    harmless, hostile = (structure(path, given.ignore) for path in (given.harmless, given.hostile))
    if not harmless:
        sys.exit("no element at all")
    for a, b in itertools.zip_longest(harmless, hostile):
        if a is None or b is None or a[:3] != b[:3]:
            sys.exit(f"structure differs:\n  harmless {a}\n  hostile  {b}")
    print(f"{len(harmless)} tags alike")


if __name__ == "__main__":
    main()
