#!/usr/bin/env python3
"""The shape of the source tree, checked: python3 tests/layers/layers.py [RULE...] [--root DIR]

Each rule is a function from a tree (path -> text) to findings, one line each; layers_test.py shows every rule a tree that
breaks it. The tables below are the only place that says who may know whom.
"""

import argparse
import pathlib
import re
import subprocess
import sys

# Folder -> the folders whose headers it may include, itself and its subfolders always among them. The longest match counts.
MAY_INCLUDE = {
    "metrics": [],
    "harness/core": [],
    "harness/store": ["harness/core"],
    "harness/run": ["harness/core", "harness/store", "metrics"],
    "harness/cli": ["adapters", "harness", "metrics", "reports", "suites"],
    "adapters": ["harness/core", "adapters/imaging", "adapters/tokenizers", "adapters/kernels", "adapters/nn"],
    "adapters/imaging": ["harness/core"],
    "adapters/tokenizers": ["harness/core"],
    "adapters/kernels": [],
    "adapters/nn": ["harness/core", "adapters/kernels"],
    "adapters/nn/weights": ["harness/core"],
    "suites": ["harness/core", "metrics"],
    "reports": ["harness/core", "harness/store", "metrics/stats"],
    "benchmarks": ["adapters", "harness", "metrics", "reports", "suites", "tests"],
    "tests": ["adapters", "benchmarks", "harness", "metrics", "reports", "suites"],
}
# One adapter knows nothing of another: these folders of adapters/ are shared, every other one is a model or a server.
SHARED_ADAPTERS = ["adapters/imaging", "adapters/tokenizers", "adapters/kernels", "adapters/nn"]
# Their public headers lean on the standard library alone.
LEAN_HEADERS = ["metrics", "harness/core", "harness/store", "adapters/kernels"]
# Where tests of a folder live, when not in tests/<folder>.
TESTS_OF = {"adapters/kernels": "tests/kernels"}
# Folders of tests/ that mirror no folder of the sources: they cut across.
ACROSS = ["conformance", "data", "fuzz", "golden", "layers", "scripts", "support"]
SOURCE_FOLDERS = ["adapters", "harness", "metrics", "reports", "suites"]
LONGEST_FILE = 700
DEPENDENCY_FILES = ["docs/dependencies.md", "scripts/packages.txt"]

FORBIDDEN = [  # pattern, where it is allowed all the same, why
    (r"\bstd::(cout|cerr|clog)\b|(?<![\w:])(std::)?(printf|fprintf|puts|fputs|putchar)\(", "harness/cli/", "only harness/cli prints"),
    (r"(?<!\w)(std::)?(exit|quick_exit|_Exit|abort|terminate)\(", "harness/cli/", "libraries return or throw"),
    (r"^\s*#\s*if(def|ndef)?\b.*\bLOOKTWICE_(?!X86|ARM)", "", "a part is built or not listed in CMake; no #ifdef"),
    (r"__attribute__\(\(constructor|\bREGISTER_\w+\(", "", "no static initialisers; use looktwice_catalogue()"),
    (r"^\s*(inline |static )*(const )?bool \w*regist\w* =", "", "no static initialisers; use looktwice_catalogue()"),
    (r"\b(TODO|FIXME|XXX)\b", "", "finish it, or file an issue"),
    (r"-march=native|-ffast-math|#pragma GCC optimize", "", "results must not depend on the machine that built"),
]


def is_code(path):
    return path.endswith((".h", ".cc", ".cu", ".cuh", ".c"))


def below(path, folder):
    return path == folder or path.startswith(folder + "/")


def source_files(tree):
    return {p: t for p, t in sorted(tree.items()) if is_code(p) and p.split("/")[0] in SOURCE_FOLDERS}


def without_comments(text):
    """Comments blanked, lines kept; strings stay."""
    pattern = r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/'
    return re.sub(pattern, lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text, flags=re.DOTALL)


def quoted_includes(text):
    return re.findall(r'^\s*#\s*include "([^"]+)"', text, re.MULTILINE)


def folder_of(path):
    return path.rpartition("/")[0]


def libraries(tree):
    """CMake folder -> [(name, HEADERS of it)] of every looktwice_library() in it."""
    found = {}
    for path, text in sorted(tree.items()):
        if path.rpartition("/")[2] != "CMakeLists.txt" or path.split("/")[0] not in SOURCE_FOLDERS:
            continue
        text = re.sub(r"#[^\n]*", "", text)
        for name, body in re.findall(r"looktwice_library\(\s*(\w+)([^)]*)\)", text):
            words = body.split()
            start = words.index("HEADERS") + 1 if "HEADERS" in words else len(words)
            headers = []
            for word in words[start:]:
                if word in ("SOURCES", "PUBLIC", "PRIVATE", "CATALOGUE"):
                    break
                headers.append(f"{folder_of(path)}/{word}")
            found.setdefault(folder_of(path), []).append((name, headers))
    return found


def public_headers(tree):
    return {header for entries in libraries(tree).values() for _, headers in entries for header in headers}


def includes(tree):
    """Dependencies point one way, as MAY_INCLUDE says; includes are written from the root."""
    for path, text in sorted(tree.items()):
        if not is_code(path):
            continue
        rules = [folder for folder in MAY_INCLUDE if below(path, folder)]
        if not rules:
            yield f"{path}: no rule for this folder in tests/layers/layers.py"
            continue
        rule = max(rules, key=len)
        for name in quoted_includes(text):
            if name not in tree:
                yield f'{path}: "{name}" is no file of the repository, seen from its root'
            elif below(name, rule) and not foreign_adapter(path, name):
                continue
            elif not any(below(name, folder) for folder in MAY_INCLUDE[rule]):
                yield f"{path}: includes {name}, but {rule} may know only {', '.join(MAY_INCLUDE[rule]) or 'itself'}"


def foreign_adapter(path, name):
    """adapters/echo/echo.cc that includes adapters/null/...; adapters/*.h are everybody's."""
    if not below(path, "adapters") or any(below(path, shared) for shared in SHARED_ADAPTERS):
        return False
    own = "/".join(path.split("/")[:2])
    return name.count("/") > 1 and not below(name, own) and not any(below(name, s) for s in SHARED_ADAPTERS)


def headers(tree):
    """A header says what, is guarded once, and drags in nothing heavy; a private one stays in its folder."""
    public = public_headers(tree)
    for header in sorted(public - set(tree)):
        yield f"{header}: listed in HEADERS but not there"
    for path, text in source_files(tree).items():
        if path.endswith(".h"):
            if not text.startswith("//"):
                yield f"{path}: the first line tells what this is"
            if "#pragma once" not in text:
                yield f"{path}: #pragma once is missing"
            if re.search(r"^using namespace", text, re.MULTILINE):
                yield f"{path}: using namespace in a header"
        if path in public and any(below(path, lean) for lean in LEAN_HEADERS):
            for name in re.findall(r"^\s*#\s*include <([^>]+)>", text, re.MULTILINE):
                if "." in name or "/" in name:
                    yield f"{path}: <{name}> is not the standard library"
            for name in quoted_includes(text):
                if name in tree and name not in public:
                    yield f"{path}: public, but includes {name}, which is private"
        for name in quoted_includes(text):
            if name.endswith(".h") and name in tree and name not in public and not same_library(tree, path, name):
                yield f"{path}: {name} is private to its folder (not in HEADERS)"


def same_library(tree, path, name):
    folders = libraries(tree)
    def owner(file):
        return max((f for f in folders if below(file, f)), key=len, default="")
    return owner(path) == owner(name)


def words(tree):
    """Only the command line prints and exits; no #ifdef forest, no registration, nothing left to do."""
    for path, text in source_files(tree).items():
        code = without_comments(text)
        for pattern, allowed, why in FORBIDDEN:
            if allowed and path.startswith(allowed):
                continue
            looked_at = text if "TODO" in pattern else code
            for hit in re.finditer(pattern, looked_at, re.MULTILINE):
                line = looked_at.count("\n", 0, hit.start()) + 1
                yield f"{path}:{line}: {hit[0].strip()}: {why}"
    for path, text in sorted(tree.items()):
        if is_code(path) and text.count("\n") > LONGEST_FILE:
            yield f"{path}: {text.count(chr(10))} lines; {LONGEST_FILE} at most"


def mirror(tree):
    """Every library has tests in its mirror folder, and every folder of tests mirrors something."""
    for folder in libraries(tree):
        tests = TESTS_OF.get(folder, f"tests/{folder}")
        if not any(below(path, tests) and path.endswith("_test.cc") for path in tree):
            yield f"{folder}: no *_test.cc in {tests}"
    mirrored = {f"tests/{folder_of(p)}" for p in source_files(tree)} | set(TESTS_OF.values())
    for folder in sorted({folder_of(p) for p in tree if p.startswith("tests/") and p.endswith(".cc")}):
        if folder.split("/")[1] in ACROSS:
            continue
        if not any(below(m, folder) for m in mirrored):
            yield f"{folder}: mirrors no folder of the sources"


def targets(tree):
    """A folder with a CMakeLists.txt and sources has the library of its name, and nothing there is forgotten by CMake."""
    found = libraries(tree)
    for folder, entries in found.items():
        if entries[0][0] != folder.rpartition("/")[2]:
            yield f"{folder}: the library is called {entries[0][0]}"
        if len(entries) > 1:
            yield f"{folder}: {len(entries)} libraries; one folder, one library"
    for path in source_files(tree):
        if not any(below(path, folder) for folder in found):
            yield f"{path}: no library in its folder or above"
    lists = {folder_of(p): t for p, t in tree.items() if p.rpartition("/")[2] == "CMakeLists.txt"}
    for path in sorted(tree):
        if not path.endswith((".cc", ".cu", ".c")) or path == "tests/fuzz/replay.cc":
            continue
        above = [f for f in lists if below(path, f)]
        names = [path[len(f) + 1 :] if f else path for f in above]
        # Named as auroc_test.cc, or in a loop over auroc_test, or over auroc.
        stems = [re.escape(name.rpartition(".")[0].removesuffix("_test")) + "(_test)?" for name in names]
        if not any(re.search(rf"(?<![\w/]){stem}(?!\w)", lists[f]) for f, stem in zip(above, stems)):
            yield f"{path}: no CMakeLists.txt builds it"


def dependencies(tree):
    """docs/dependencies.md, scripts/packages.txt and the find_package() calls tell the same."""
    page = tree.get("docs/dependencies.md", "")
    for path, text in sorted(tree.items()):
        if path.endswith(("CMakeLists.txt", ".cmake")):
            text = re.sub(r"#[^\n]*", "", text)
            names = re.findall(r"find_package\(\s*([\w-]+)", text) + re.findall(r"pkg_check_modules\(\s*(\w+)", text)
            names += re.findall(r"find_path\(\s*\w+\s+([\w/]+)", text)
            for name in names:
                if name != "LookTwice" and f"`{name}`" not in page:
                    yield f"{path}: `{name}` is not in docs/dependencies.md"
    for line in tree.get("scripts/packages.txt", "").splitlines():
        if line and not line.startswith("#") and f"`{line.split()[0]}`" not in page:
            yield f"scripts/packages.txt: `{line.split()[0]}` is not in docs/dependencies.md"
    asked_for = {line.split()[0] for line in tree.get("scripts/packages.txt", "").splitlines() if line.strip()}
    for package in re.findall(r"`(lib[\w.-]+-dev|[\w-]+-dev)`", page):
        if package not in asked_for:
            yield f"docs/dependencies.md: ./scripts/setup does not install {package}"


RULES = {rule.__name__: rule for rule in (includes, headers, words, mirror, targets, dependencies)}


def tracked(root):
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, check=False)
    if listed.returncode == 0:
        return [name for name in listed.stdout.decode().split("\0") if name]
    return [str(p.relative_to(root)) for p in pathlib.Path(root).rglob("*")]  # an unpacked archive


def read_tree(root):
    tree = {}
    for name in tracked(root):
        path = pathlib.Path(root) / name
        code = is_code(name) and name.split("/")[0] in (*SOURCE_FOLDERS, "benchmarks", "tests")
        lists = path.name == "CMakeLists.txt" or path.suffix == ".cmake" or name in DEPENDENCY_FILES
        if (code or lists) and path.is_file():
            tree[name] = path.read_text(encoding="utf-8")
    return tree


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("rules", nargs="*", help=", ".join(RULES))
    options.add_argument("--root", default=str(pathlib.Path(__file__).resolve().parents[2]))
    asked = options.parse_args()
    tree = read_tree(asked.root)
    findings = [finding for name in asked.rules or RULES for finding in RULES[name](tree)]
    print("\n".join(findings) if findings else f"{len(tree)} files, nothing to say")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
