#!/usr/bin/env python3
"""Every relative link and picture in the project's Markdown files leads to a file that git knows."""
import pathlib
import re
import subprocess
import sys

files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True,
                       check=True).stdout.split("\n")
known = {pathlib.PurePosixPath(f) for f in files if f}
folders = {parent for f in known for parent in f.parents}
broken = 0
for name in sorted(str(f) for f in known if f.suffix == ".md"):
    text = re.sub(r"```.*?```", "", pathlib.Path(name).read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        target = target.split("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        parts = []
        for part in (pathlib.PurePosixPath(name).parent / target).parts:
            if part == "..":
                if not parts:
                    break
                parts.pop()
            elif part != ".":
                parts.append(part)
        path = pathlib.PurePosixPath(*parts)
        if path not in known and path not in folders:
            print(f"{name}: {target} does not exist")
            broken += 1
sys.exit(1 if broken else 0)
