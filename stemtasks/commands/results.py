"""What a build says to programs: JSON (``doit -r json``), and JUnit's XML as CI servers read it (``--junit FILE``)."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from stemtasks.commands.build import BuildReporter
from stemtasks.commands.reporter import Result

NOT_OF_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot say (W3C Recommendation, fifth edition, production 2)."""


class JsonReporter(BuildReporter):
    """One JSON document in place of lines."""

    desc = "one JSON document: how each task's files came to be, and what they measure"

    def complete_run(self) -> None:
        """End the build, then say it all."""
        super().complete_run()
        document = {
            "tasks": [self._measured(result) for result in self.results],
            "counts": self.counts,
            "seconds": round(time.perf_counter() - self.started, 3),
            "saved_seconds": round(self.saved, 3),
            "errors": list(self.runtime_errors),
        }
        super().write(json.dumps(document, indent=1) + "\n")

    def write(self, text: str) -> None:
        """Leave out what is for persons."""

    def _measured(self, result: Result) -> dict[str, Any]:
        """Return a task's result with its files, and what they measure where they are right."""
        files = result.job.outputs if result.job else {}
        is_measured = result.is_right and "facts" in files
        return {
            "task": result.task,
            "how": result.how,
            "seconds": round(result.seconds, 3),
            "store": result.store,
            "summary": result.said if result.is_right else "",
            "error": None if result.is_right else result.said,
            "files": files,
            "facts": json.loads(Path(files["facts"]).read_bytes()) if is_measured else None,
        }


def write_junit(path: str, results: list[Result], seconds: float) -> None:
    """Write results in the form that CI servers read: a suite a stage, a case a task; raises ``OSError``."""
    root = Xml.Element("testsuites", name="stemtasks", time=f"{seconds:.3f}")
    stages = dict.fromkeys(result.task.partition(":")[0] for result in results)
    for stage in stages:
        cases = [result for result in results if result.task.partition(":")[0] == stage]
        suite = Xml.SubElement(root, "testsuite", name=stage, **_counted(cases))
        for result in cases:
            name = result.task.partition(":")[2] or result.task
            case = Xml.SubElement(suite, "testcase", classname=stage, name=_text(name), time=f"{result.seconds:.3f}")
            if result.how == "not built":
                Xml.SubElement(case, "skipped", message=_text(result.said))
            elif not result.is_right:
                kind = "error" if result.how == "error" else "failure"
                Xml.SubElement(case, kind, message=_text(result.said), type=result.how).text = _text(result.said)
            else:
                Xml.SubElement(case, "system-out").text = _text(f"{result.how}  {result.said}")
    for name, value in _counted(results).items():
        root.set(name, value)
    Xml.indent(root)
    Xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _counted(results: list[Result]) -> dict[str, Any]:
    count = {"skipped": "not built", "failures": "failed", "errors": "error"}
    told = {name: str(sum(result.how == how for result in results)) for name, how in count.items()}
    return {"tests": str(len(results)), **told}


def _text(text: str) -> str:
    return NOT_OF_XML.sub("\ufffd", text)
