"""By hand: the schema that Bitwig publishes of DAWproject, against what we write and against how we restate it.

    STEMTASKS_DAWPROJECT=FOLDER pytest tests/delivery/published_schema.py

The folder has Project.xsd and MetaData.xsd, and is in no checkout: so this is no test of every run.
"""

from __future__ import annotations

import itertools
import os
from copy import deepcopy
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from tests.delivery.handed import handover, stem
from tests.delivery.test_dawproject import RESTATED, VARIED, opened


@pytest.fixture(scope="session")
def published() -> dict[str, xmlschema.XMLSchema]:
    folder = Path(os.environ["STEMTASKS_DAWPROJECT"])
    names = {"project.xml": "Project.xsd", "metadata.xml": "MetaData.xsd"}
    return {name: xmlschema.XMLSchema(folder / file) for name, file in names.items()}


def test_a_session_is_valid_against_the_published_schema(published):
    for handed in VARIED:
        for name, root in opened(handed).items():
            published[name].validate(root)


def changes(root):
    """Yield a document's near neighbours: an element less, twice, in another order or under another name, and so on."""
    for place, element in enumerate(root.iter()):

        def at(place=place):
            copy = deepcopy(root)
            return copy, list(copy.iter())[place]

        for key, value in itertools.product(element.keys(), ("", "x", "-1", "1.5", "true", "beats", None)):
            copy, here = at()
            if value is None:
                del here.attrib[key]
            else:
                here.set(key, value)
            yield copy
        for key, value in (("surplus", "1"), ("timeUnit", "beats"), ("id", "master"), ("name", "x"), ("value", "2")):
            copy, here = at()
            here.set(key, value)
            yield copy
        for change in ("remove", "double", "turn", "rename"):
            copy, here = at()
            if len(here):
                if change == "remove":
                    here.remove(here[0])
                elif change == "double":
                    here.append(deepcopy(here[0]))
                elif change == "turn":
                    here[:] = here[::-1]
                else:
                    here[0].tag = "Lanes"
                yield copy


def test_what_the_restated_schema_lets_through_the_published_one_does_too(published):
    judged = {True: 0, False: 0}
    for root in opened(handover(stem("bass"))).values():
        name = "project.xml" if root.tag == "Project" else "metadata.xml"
        for changed in changes(root):
            passes = RESTATED.is_valid(changed)
            judged[passes] += 1
            assert not passes or published[name].is_valid(changed), ElementTree.tostring(changed)
    assert min(judged.values()) > 50
