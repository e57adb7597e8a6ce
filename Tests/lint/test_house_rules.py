"""A lint that finds nothing must be able to find something: each rule, a breach and a near miss."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from house_rules import FILE_LINES_MAX, LINE_COLUMNS_MAX, check

SWIFT = "Sources/varvectl/Some.swift"


def rules(path: str, text: str) -> list[str]:
    return [finding.rule for finding in check(path, text)]


class HouseRules(unittest.TestCase):
    def test_clean_file_has_no_finding(self):
        self.assertEqual(rules(SWIFT, "let a = 1\n"), [])

    def test_file_length_at_its_edge(self):
        self.assertEqual(rules(SWIFT, "a\n" * FILE_LINES_MAX), [])
        self.assertEqual(rules(SWIFT, "a\n" * (FILE_LINES_MAX + 1)), ["file length"])

    def test_line_length_at_its_edge(self):
        self.assertEqual(rules(SWIFT, "a" * LINE_COLUMNS_MAX + "\n"), [])
        self.assertEqual(rules(SWIFT, "a" * (LINE_COLUMNS_MAX + 1) + "\n"), ["line length"])

    def test_generated_code_and_data_are_exempt(self):
        text = "a" * 500 + "\n" * 700
        for path in ("Sources/CVarveProto/varve.pb-c.c", "Tests/Fixtures/vectors.json"):
            self.assertEqual(rules(path, text), [])

    def test_paths_of_a_machine(self):
        self.assertEqual(rules("README.md", "see /wo" + "rk/main\n"), ["path of a machine"])
        self.assertEqual(rules("README.md", "see /usr/bin, a/wo" + "rk/b\n"), [])

    def test_bans_in_code_but_not_in_comments(self):
        self.assertEqual(rules(SWIFT, "let a = try! b()\n"), ["banned"])
        self.assertEqual(rules(SWIFT, "fatalError(text)\n"), ["banned"])
        self.assertEqual(rules(SWIFT, "// never try! here\n"), [])

    def test_unfinished_marks(self):
        self.assertEqual(rules("python/a.py", "# FIX" + "ME later\n"), ["unfinished"])

    def test_foundation_below_the_tools(self):
        text = "internal import Foundation\n"
        self.assertEqual(rules("Sources/VarveEngine/A.swift", text), ["layer"])
        self.assertEqual(rules("Sources/varvectl/A.swift", text), [])

    def test_white_space(self):
        self.assertEqual(rules(SWIFT, "let a = 1 \n"), ["trailing space"])
        self.assertEqual(rules(SWIFT, "let a = 1"), ["last line"])


if __name__ == "__main__":
    unittest.main(verbosity=0)
