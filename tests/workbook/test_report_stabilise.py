import json

import pytest

from cxlab.workbook.report.stabilise import collect, stabilise, to_text

RECORD = "application/vnd.cxlab.record+json"


def executed(run: int) -> dict:
    """A notebook as two runs would leave it, differing in all that differs."""
    style = f"{run}abcd"
    cell = f"0000000{run}-1111-2222-3333-444444444444"
    return {
        "metadata": {
            "papermill": {
                "start_time": f"{run}",
                "duration": run,
                "parameters": {"source": f"/home/u{run}/s/m.yaml"},
                "version": "2",
            },
            "widgets": {"state": run},
        },
        "cells": [
            {
                "cell_type": "code",
                "id": f"random{run}",
                "metadata": {"tags": ["injected-parameters"], "papermill": {"duration": run}},
                "source": f'source = "/home/u{run}/s/m.yaml"',
                "outputs": [],
            },
            {
                "cell_type": "code",
                "id": "fixed",
                "metadata": {"execution": {"iopub.status.busy": f"{run}"}},
                "source": "x",
                "outputs": [
                    {"output_type": "stream", "name": "stdout", "text": f"<object at 0x7f00aa{run}b10>"},
                    {
                        "output_type": "display_data",
                        "metadata": {"n": run},
                        "transient": {"display_id": run},
                        "data": {
                            "text/html": f'<style>#T_{style} td {{}}</style><table id="T_{style}"></table><i id="{cell}">',
                            "application/vnd.jupyter.widget-view+json": {"model_id": run},
                            "text/plain": f"/tmp/ipykernel_{run}/123{run}.py",
                        },
                    },
                ],
            },
        ],
    }


def test_two_runs_become_the_same_text():
    one, two = (to_text(stabilise(executed(run), {f"/home/u{run}/s": "s"})) for run in (1, 2))
    assert one == two
    assert "home" not in one and "widget" not in one and '"duration"' not in one


def test_numbers_and_words_of_the_page_stay():
    notebook = executed(1)
    notebook["cells"][1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "0x1F is 31, T_shirt, 1-2-3-4-5"}
    ]
    assert stabilise(notebook)["cells"][1]["outputs"][0]["text"] == "0x1F is 31, T_shirt, 1-2-3-4-5"


def output(mime: str, content: dict) -> dict:
    return {"output_type": "display_data", "metadata": {}, "data": {mime: content}}


def test_collect_reads_records_conclusions_and_each_source_once():
    source = output("application/vnd.cxlab.source+json", {"name": "here", "simulated": False})
    outputs = [
        source, source, output(RECORD, {"name": "a", "value": 1}),
        output("application/vnd.cxlab.conclusion+json", {"sentence": "It holds."}),
    ]  # fmt: skip
    found = collect({"cells": [{"cell_type": "code", "outputs": outputs}, {"cell_type": "markdown"}]})
    assert found["records"] == [{"name": "a", "value": 1}]
    assert found["conclusions"] == ["It holds."]
    assert [s["name"] for s in found["sources"]] == ["here"]


def test_a_name_recorded_twice_is_refused():
    outputs = [output(RECORD, {"name": "a", "value": value}) for value in (1, 2)]
    with pytest.raises(ValueError, match="'a' is recorded twice"):
        collect({"cells": [{"cell_type": "code", "outputs": outputs}]})


def test_text_has_one_form_whatever_the_order_of_keys():
    assert to_text({"b": 1, "a": [2]}) == to_text(json.loads('{"a": [2], "b": 1}'))
