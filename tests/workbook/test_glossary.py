"""Words explain themselves where a page first uses them, never inside links, headings or code."""

import pytest

from cxlab.workbook import glossary


@pytest.fixture(autouse=True)
def words(monkeypatch, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sources.toml").write_text("")
    text = 'term,meaning\nhalo,"A ""general"" <liking>."\nequal product (parity),All alike.\n'
    (tmp_path / "data" / "glossary.csv").write_text(text)
    monkeypatch.setenv("CXLAB_HOME", str(tmp_path))
    monkeypatch.setattr(glossary, "read_glossary", glossary.read_glossary.__wrapped__)
    monkeypatch.setattr(glossary, "_pattern", glossary._pattern.__wrapped__)


def test_the_first_use_alone_is_explained_and_its_meaning_escaped():
    found = glossary.explain("<p>A Halo, two halos.</p>", set())
    assert found.count("tooltip") == 1 and ">Halo<span" in found
    assert "A &quot;general&quot; &lt;liking&gt;." in found
    assert "All alike." in glossary.explain("under parity", set())  # an alternative name
    assert "tooltip" in glossary.explain("<a>x</a> halo", set())


SILENT = ["<a href='#'>halo</a>", "<h3>halo</h3>", "<pre><b>x</b> halo</pre>", '<p title="halo">x</p>']


@pytest.mark.parametrize("text", [*SILENT, "disparity, halogen"])
def test_links_headings_code_and_parts_of_words_stay_as_they_are(text):
    assert glossary.explain(text, set()) == text
