"""Every rule of layers.py against a tree that keeps it and trees that break it."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers  # noqa: E402

HEADER = "// What it is.\n#pragma once\n\n#include <span>\n"
GOOD = {
    "metrics/CMakeLists.txt": "looktwice_library(metrics HEADERS metric.h binary/auroc.h SOURCES binary/auroc.cc)",
    "metrics/metric.h": HEADER,
    "metrics/binary/auroc.h": HEADER,
    "metrics/binary/auroc.cc": '#include "metrics/binary/auroc.h"\n#include "metrics/metric.h"\n',
    "harness/core/CMakeLists.txt": "looktwice_library(core HEADERS sample.h SOURCES sample.cc)",
    "harness/core/sample.h": HEADER,
    "harness/core/sample.cc": '#include "harness/core/sample.h"\n',
    "adapters/CMakeLists.txt": "looktwice_library(adapters CATALOGUE HEADERS catalogue.h)\n"
    "looktwice_catalogue(adapters AdapterEntry adapter echo/echo.cc null/null.cc)",
    "adapters/catalogue.h": HEADER,
    "adapters/echo/echo.cc": '#include "harness/core/sample.h"\n#include "adapters/catalogue.h"\n',
    "adapters/null/null.cc": "",
    "tests/metrics/CMakeLists.txt": "looktwice_test(auroc_test.cc)",
    "tests/metrics/auroc_test.cc": '#include "metrics/binary/auroc.h"\n',
    "tests/harness/core/CMakeLists.txt": "foreach(test sample_test) looktwice_test(${test}.cc) endforeach()",
    "tests/harness/core/sample_test.cc": "",
    "tests/adapters/echo/CMakeLists.txt": "looktwice_test(echo_test.cc)",
    "tests/adapters/echo/echo_test.cc": "",
}


class Layers(unittest.TestCase):
    def expect(self, rule, changes, *words):
        tree = {path: text for path, text in {**GOOD, **changes}.items() if text is not None}
        findings = list(layers.RULES[rule](tree))
        if not words:
            self.assertEqual(findings, [])
            return
        for word in words:
            self.assertTrue(any(word in finding for finding in findings), f"{word} not in {findings}")

    def test_a_good_tree_has_no_findings(self):
        for rule in layers.RULES:
            self.expect(rule, {})

    def test_metrics_know_no_core(self):
        self.expect("includes", {"metrics/metric.h": HEADER + '#include "harness/core/sample.h"\n'}, "metrics/metric.h")

    def test_core_knows_no_adapter(self):
        self.expect("includes", {"harness/core/sample.cc": '#include "adapters/catalogue.h"'}, "harness/core/sample.cc")

    def test_one_adapter_knows_nothing_of_another(self):
        changes = {"adapters/null/null.h": HEADER, "adapters/echo/echo.cc": '#include "adapters/null/null.h"'}
        self.expect("includes", changes, "adapters/echo/echo.cc")

    def test_reports_know_the_statistics_but_not_the_metrics(self):
        changes = {"metrics/stats/percentile.h": HEADER, "reports/table.cc": '#include "metrics/stats/percentile.h"'}
        self.expect("includes", changes)
        changes["reports/table.cc"] = '#include "metrics/binary/auroc.h"'
        self.expect("includes", changes, "reports/table.cc")

    def test_includes_are_written_from_the_root(self):
        self.expect("includes", {"metrics/binary/auroc.cc": '#include "auroc.h"'}, "auroc.h")

    def test_a_folder_without_a_rule_is_found(self):
        self.expect("includes", {"extras/new.cc": ""}, "extras/new.cc")

    def test_lean_headers_take_the_standard_library_alone(self):
        for name in ("nlohmann/json.hpp", "Eigen/Core", "omp.h", "unicode/utypes.h", "cuda_runtime.h", "torch/torch.h"):
            self.expect("headers", {"metrics/metric.h": HEADER + f"#include <{name}>\n"}, name)

    def test_a_header_says_what_it_is_and_is_guarded(self):
        self.expect("headers", {"metrics/metric.h": "#pragma once\n"}, "first line")
        self.expect("headers", {"metrics/metric.h": "// What.\n"}, "#pragma once")

    def test_a_private_header_stays_in_its_library(self):
        changes = {"harness/core/json.h": HEADER, "harness/core/sample.cc": '#include "harness/core/json.h"'}
        self.expect("headers", changes)
        self.expect("headers", {**changes, "adapters/echo/echo.cc": '#include "harness/core/json.h"'}, "adapters/echo/echo.cc")

    def test_a_public_header_does_not_lead_to_a_private_one(self):
        changes = {"metrics/own.h": HEADER, "metrics/metric.h": HEADER + '#include "metrics/own.h"\n'}
        self.expect("headers", changes, "metrics/own.h")

    def test_only_the_command_line_prints_and_exits(self):
        for code in ("std::cout << 1;", 'printf("x");', "std::exit(1);", "exit(1);", "std::abort();"):
            self.expect("words", {"metrics/binary/auroc.cc": code}, "metrics/binary/auroc.cc:1")
            self.expect("words", {"harness/cli/main.cc": code})
        for code in ('std::snprintf(a, 3, "x");', "// std::cout", "fs.exit_code(1);", '"a" /* std::exit(1) */'):
            self.expect("words", {"metrics/binary/auroc.cc": code})

    def test_no_ifdef_no_registration_nothing_left_to_do(self):
        for code in ("#ifdef LOOKTWICE_CUDA", "static bool registered = f();", "// TODO: rest"):
            self.expect("words", {"adapters/echo/echo.cc": code}, "adapters/echo/echo.cc:1")

    def test_long_files_are_found(self):
        self.expect("words", {"tests/metrics/auroc_test.cc": "\n" * 701}, "701 lines")

    def test_a_library_without_tests_is_found(self):
        self.expect("mirror", {"tests/metrics/auroc_test.cc": None}, "metrics: no *_test.cc")

    def test_tests_of_nothing_are_found(self):
        self.expect("mirror", {"tests/metrix/auroc_test.cc": ""}, "tests/metrix")

    def test_a_library_is_called_as_its_folder(self):
        self.expect("targets", {"harness/core/CMakeLists.txt": "looktwice_library(base HEADERS sample.h)"}, "base")

    def test_files_that_nobody_builds_are_found(self):
        self.expect("targets", {"metrics/binary/forgotten.cc": ""}, "forgotten.cc")
        self.expect("targets", {"tests/metrics/forgotten_test.cc": ""}, "forgotten_test.cc")

    def test_a_library_that_nobody_explained_or_installs_is_found(self):
        page = "| Eigen (`Eigen3`) | `libeigen3-dev` |"
        changes = {"docs/dependencies.md": page, "scripts/packages.txt": "libeigen3-dev build - why"}
        self.expect("dependencies", changes)
        self.expect("dependencies", {**changes, "CMakeLists.txt": "find_package(OpenCV REQUIRED)"}, "OpenCV")
        self.expect("dependencies", {**changes, "scripts/packages.txt": ""}, "libeigen3-dev")
        self.expect("dependencies", {**changes, "docs/dependencies.md": ""}, "libeigen3-dev")


if __name__ == "__main__":
    unittest.main()
