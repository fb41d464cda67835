"""pages: one HTML file without references to others, whose texts are text and whose images are small."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from pipeline.pages import source, templates

PAGE = """{% extends "base.html" %}
{% import "macros.html" as macros %}
{% block style %}{% include "own.css" %}{% endblock %}
{% block main %}
{{ macros.table(["name"], [[name]], "names") }}{{ macros.photo(image, name) }}
{% endblock %}"""


def page(folder: Path, **values: str) -> str:
    (folder / "page.html").write_text(PAGE)
    (folder / "own.css").write_text("p { margin: 0 }\n")
    return templates(folder).get_template("page.html").render(title="a & b", **values)


def test_a_page_holds_its_style_and_images_and_refers_to_no_other_file(tmp_path: Path) -> None:
    text = page(tmp_path, name="one", image=source(b"image"))
    assert text.startswith("<!doctype html>")
    assert "p { margin: 0 }" in text
    assert "--ink" in text
    assert 'src="data:image/jpeg;base64,aW1hZ2U="' in text
    assert not re.search(r"https?://|<script|<link|url\(", text)


def test_texts_are_text_and_no_markup(tmp_path: Path) -> None:
    text = page(tmp_path, name="<i>", image="")
    assert "<h1>a &amp; b</h1>" in text
    assert "<title>a &amp; b</title>" in text
    assert '<th scope="row">&lt;i&gt;</th>' in text
    assert "<i>" not in text
    assert '<div class="none">' in text


def test_a_variable_without_a_value_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        page(tmp_path, image="")
