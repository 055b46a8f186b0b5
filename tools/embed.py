#!/usr/bin/env python3
"""Turns the page's files into a C table: tools/embed.py OUTPUT.c FILE..."""

import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def main() -> None:
    output, *names = map(Path, sys.argv[1:])
    arrays, rows = [], []
    for number, name in enumerate(names):
        data = name.read_bytes()
        path = "/" if name.name == "index.html" else f"/{name.name}"
        etag = hashlib.sha256(data).hexdigest()[:16]
        body = ",".join(map(str, data))
        arrays.append(f"static const uint8_t file_{number}[] = {{ {body} }};\n")
        rows.append(f'\t{{ "{path}", "{TYPES[name.suffix]}", "\\"{etag}\\"", file_{number}, {len(data)} }},\n')
    output.write_text(
        '#include "http/page.h"\n\n' + "".join(arrays) +
        "\nconst struct gmi_page_file gmi_page_files[] = {\n" + "".join(rows) +
        "\t{ NULL, NULL, NULL, NULL, 0 },\n};\n")


if __name__ == "__main__":
    main()
