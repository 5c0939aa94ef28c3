"""The register loses nothing: two editors, a crash, a full disk, rows without id, cells no file can hold."""

import errno
import multiprocessing
import os
import signal
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.chart import BarChart
from openpyxl.worksheet.formula import ArrayFormula

from cxlab.data.check import check_path
from cxlab.data.errors import InputError, OutOfReach
from cxlab.workbook import register as store
from cxlab.workbook.register import EXAMPLE, Register, write_template

EDIT = st.tuples(
    st.integers(0, 3), st.sampled_from(["title", "cost"]), st.text("ab,;\"'\n\r=äé😀 \x1f\x00", max_size=6)
)
FORK = multiprocessing.get_context("fork")
ALL = [f"P-{k:03d}" for k in range(1, 7)]


def add(register, **cells):
    register.table.loc[len(register.table)] = [str(cells.get(name, "")) for name in register.table]


@pytest.fixture(params=["csv", "xlsx"])
def path(request, tmp_path):
    target = write_template(tmp_path / f"register.{request.param}")
    register = Register(target)
    for k in range(2, 7):
        add(register, id=f"P-{k:03d}", title=f"project {k}", level="account", impact=k, cost=10 * k)
    register.save()
    return target


def edited(path, title, row=0):
    """Open a register and change a title in it."""
    register = Register(path)
    register.table.loc[row, "title"] = title
    return register


def ids(path):
    return Register(path).table["id"].tolist()


def draft(path):
    return Register(path.with_name(f"{path.stem}.draft-000001.csv")).table


def refused(register, message, **more):
    with pytest.raises(InputError, match=message):
        register.save(**more)


def run(target, *arguments):
    worker = FORK.Process(target=target, args=arguments)
    worker.start()
    return worker


def test_template_is_a_register_and_a_check_names_what_is_wrong(path):
    register = Register(path)
    assert list(register.table) == list(EXAMPLE) and check_path(path, table="initiatives")[1]
    register.table.loc[1, "level"] = "galaxy"
    register.save()
    assert "galaxy" in " ".join(check_path(path, table="initiatives")[0])
    with pytest.raises(InputError, match="never overwrites"):
        write_template(path)
    with pytest.raises(InputError, match=r"\.csv or \.xlsx"):
        write_template(path.with_name("new.txt"))


def test_a_save_keeps_a_backup_and_every_other_cell(path):
    before, stamp = Register(path).table, path.stat().st_mtime_ns
    register = Register(path)
    assert "Nothing had changed" in register.save() and path.stat().st_mtime_ns == stamp
    register.table.loc[2, "title"] = "renamed, with a comma; a semicolon and ümlauts 😀"
    assert "The file before is register.backup-000002" in register.save()
    after = Register(path).table
    assert after.loc[2, "title"].endswith("ümlauts 😀")
    pd.testing.assert_frame_equal(after.drop(index=2), before.drop(index=2))
    pd.testing.assert_frame_equal(Register(register._numbered("backup")[-1]).table, before)


def test_csv_keeps_delimiter_line_ends_and_byte_order_mark(tmp_path):
    target = tmp_path / "theirs.csv"
    target.write_bytes('\ufeffid;title;cost\r\n007;Größe;1,5\r\n008;"a;b";2\r\n'.encode())
    register = Register(target)
    assert register.table.loc[0, "id"] == "007" and register.table.loc[0, "cost"] == "1,5"
    register.table.loc[1, "cost"] = "3"
    register.save()
    assert target.read_bytes() == '\ufeffid;title;cost\r\n007;Größe;1,5\r\n008;"a;b";3\r\n'.encode()


def test_excel_keeps_other_sheets_types_and_formulas(tmp_path):
    target = write_template(tmp_path / "register.xlsx")
    book = load_workbook(target)
    book.create_sheet("theirs")["A1"] = "keep me"
    sheet = book["initiatives"]
    sheet["M2"], sheet["G2"] = pd.Timestamp("2026-06-30").to_pydatetime(), "=1+2"
    book.save(target)
    register = Register(target)
    assert register.table.loc[0, ["due", "customer_focused_2"]].tolist() == ["2026-06-30", "=1+2"]
    register.table.loc[0, ["title", "cost", "due"]] = ["=1+1", "25000", "2026-07-31"]
    register.save()
    book = load_workbook(target)
    row = dict(zip(EXAMPLE, list(book["initiatives"][2]), strict=True))
    assert book.sheetnames == ["initiatives", "theirs"] and book["theirs"]["A1"].value == "keep me"
    assert row["title"].data_type == "s" and row["title"].value == "=1+1" and row["cost"].value == 25000
    assert row["due"].value == pd.Timestamp("2026-07-31") and row["customer_focused_2"].data_type == "f"
    add(register, id="P-2")
    register.save()
    register.table = register.table.drop(index=1)
    refused(register, "removed in Excel, where formulas follow", remove=["P-2"])


def test_rows_are_lost_only_when_named(path):
    register = Register(path)
    register.table = short = register.table.drop(index=[1, 3])
    refused(register, r"P-002 and P-004 would be lost.*kept in register.draft-000001.csv")
    assert ids(path) == ALL and draft(path)["id"].tolist() == short["id"].tolist()
    if path.suffix == ".csv":
        register.save(remove=["P-002", "P-004"])
        assert ids(path) == ["P-001", "P-003", "P-005", "P-006"]
        assert ids(register._numbered("backup")[-1]) == ALL
    register.table = register.table.drop(columns="title")
    refused(register, "'title' is missing")


@pytest.mark.parametrize("value", [" ", "P-001"])
def test_a_row_without_its_own_id_is_told_and_kept_in_a_draft(path, value):
    register = edited(path, "precious", row=1)
    register.table.loc[1, "id"] = value
    refused(register, "row 3 has no id of its own.*register.draft-000001")
    assert "precious" in draft(path)["title"].tolist() and len(draft(path)) == 6 and ids(path) == ALL
    register.table.loc[1, "id"] = "P-002"
    assert "Saved" in register.save()


@pytest.mark.parametrize("same", ["", "A"])
def test_rows_without_an_own_id_can_be_mended_but_not_dropped(tmp_path, same):
    target = tmp_path / "register.csv"
    target.write_text(f"id,title\nA,one\n{same},two\n{same},three\n")
    register = Register(target)
    register.table.loc[1, "id"] = "B"
    whole, register.table = register.table, register.table.drop(index=2)
    refused(register, "a row would be lost")
    register.table = whole
    register.table.loc[2, "id"] = "C"
    register.save()
    assert target.read_text() == "id,title\nA,one\nB,two\nC,three\n"


@pytest.mark.parametrize("value", ["007", "1e5", "1.50", "-3", " 4", "nan", "=A1", "TRUE", "1" * 20])
def test_what_was_typed_is_what_is_read_again(path, value):
    register = edited(path, value, row=3)
    register.table.loc[2, "id"] = value
    register.save(remove=["P-003"])
    table = Register(path).table
    assert table.loc[3, "title"] == value and table.loc[2, "id"] == value


def test_a_link_stays_a_link_and_names_with_brackets_keep_every_backup_and_draft(tmp_path):
    target = write_template(tmp_path / "plan [1] *.csv")
    (tmp_path / "link.csv").symlink_to(target)
    register = Register(tmp_path / "link.csv")
    for k in range(3):
        whole = register.table
        whole.loc[0, "title"] = f"round {k}"
        register.save()
        register.table = whole.head(0)
        refused(register, rf"draft-00000{k + 1}")
        register.table = whole
    kept = [Register(file).table.loc[0, "title"] for file in register._numbered("backup")]
    assert kept[1:] == ["round 0", "round 1"] and len(register._numbered("draft")) == 3
    assert (tmp_path / "link.csv").is_symlink() and Register(target).table.loc[0, "title"] == "round 2"


@pytest.mark.parametrize("value", ["x" * 40_000, "a\x07b", "a\x00b", "a\r\nb"])
def test_cells_that_a_workbook_cannot_hold_are_refused_and_kept(tmp_path, value):
    target = write_template(tmp_path / "register.xlsx")
    before, register = target.read_bytes(), edited(target, value)
    refused(register, "P-001, column 'title'.*draft-000001")
    assert target.read_bytes() == before and register.table.loc[0, "title"] == value


HARMED = {
    "array formula in B2": lambda sheet: sheet.__setitem__("B2", ArrayFormula("B2:B2", "=SUM(A1:A2)")),
    "merged": lambda sheet: sheet.merge_cells("A2:B2"),
    "charts or pictures": lambda sheet: sheet.add_chart(BarChart(), "D4"),
    "columns": lambda sheet: sheet.__setitem__("XFD1048576", 1),
}


@pytest.mark.parametrize("message", HARMED)
def test_workbooks_that_a_save_would_harm_are_refused_on_opening(tmp_path, message):
    book, target = Workbook(), tmp_path / "theirs.xlsx"
    book.active.append(["id", "title"])
    book.active.append(["A", "one"])
    HARMED[message](book.active)
    book.save(target)
    not_opened(target, message)


NO_REGISTER = {
    "is empty": b"",
    "needs a column 'id'": b"title,cost\nx,1\n",
    "every column once": b"id,id\n1,2\n",
    "row 2 is blank, or longer": b"id,title\nA,one,extra\n",
    "row 3 is blank": b"id,title\nA,one\n,\nB,two\n",
    "not UTF-8": b"id,title\nA,\xfc\xff\xe4\n",
    "not a sound workbook": b"PK no workbook",
}


def not_opened(target, message):
    before = target.read_bytes()
    with pytest.raises(InputError, match=message):
        Register(target)
    assert target.read_bytes() == before


@pytest.mark.parametrize(("message", "raw"), NO_REGISTER.items())
def test_files_that_cannot_be_a_register_are_refused(tmp_path, message, raw):
    target = tmp_path / ("odd.xlsx" if raw.startswith(b"PK") else "odd.csv")
    target.write_bytes(raw)
    not_opened(target, message)


def test_the_second_of_two_editors_is_told_and_keeps_a_draft(path):
    two = edited(path, "by two", row=1)
    edited(path, "by one").save()
    refused(two, r"somebody else saved meanwhile.*draft-000001")
    assert Register(path).table["title"].tolist()[:2] == ["by one", "project 2"]
    assert draft(path)["title"].tolist()[1] == "by two"
    two.reload()
    two.table.loc[1, "title"] = "by two"
    two.save()
    assert Register(path).table["title"].tolist()[:2] == ["by one", "by two"]


def _edit(path, row, rounds):
    done = 0
    while done < rounds:
        register = Register(path)
        add(register, id=f"N-{row}-{done}")
        try:
            register.save()
            done += 1
        except InputError:
            continue


def test_editors_who_save_at_once_all_keep_their_rows(tmp_path):
    path = write_template(tmp_path / "register.csv")
    workers = [run(_edit, path, row, 8) for row in range(3)]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert {f"N-{row}-{k}" for row in range(3) for k in range(8)} <= set(ids(path))
    assert len(list(tmp_path.glob("register.backup-*.csv"))) == store.BACKUPS
    drafts = [Register(file).table["id"].iloc[-1] for file in tmp_path.glob("register.draft-*.csv")]
    assert all(one.startswith("N-") for one in drafts)


def test_a_lock_that_is_not_released_is_told(path, monkeypatch):
    monkeypatch.setattr(store, "WAIT", 0.1)
    register = edited(path, "mine")
    with Register(path)._lock():
        refused(register, "somebody else is saving")
    assert "Saved" in register.save()


@given(st.lists(EDIT, max_size=6))
@settings(max_examples=40)
def test_any_edit_is_saved_as_typed_or_refused_with_a_draft(tmp_path_factory, edits):
    path = tmp_path_factory.mktemp("register") / "register.csv"
    path.write_text("id,title,cost\nA,1,2\nB,1,2\nC,1,2\nD,1,2\n")
    register = Register(path)
    base = register.table.copy()
    for row, column, value in edits:
        register.table.loc[row, column] = value
    mine = register.table.copy()
    try:
        register.save()
        pd.testing.assert_frame_equal(Register(path).table, mine)
    except InputError as error:
        assert "draft-000001" in str(error)
        pd.testing.assert_frame_equal(Register(path).table, base)


def _crash(path, moment):
    replace = os.replace

    def dying(source, target):
        if str(target) == str(path):
            if moment == "after":
                replace(source, target)
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = dying
    edited(path, "half saved").save()


@pytest.mark.parametrize(("moment", "title"), [("before", EXAMPLE["title"]), ("after", "half saved")])
def test_a_crash_in_the_middle_of_a_save_leaves_a_whole_register(path, moment, title):
    worker = run(_crash, path, moment)
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    assert ids(path) == ALL and Register(path).table.loc[0, "title"] == title
    assert "Saved" in edited(path, "life goes on").save()


def _save_for_ever(path):
    for k in range(1000):
        edited(path, f"round {k}").save()


def test_kills_at_random_moments_never_leave_half_a_file(tmp_path):
    path = write_template(tmp_path / "register.csv")
    for k in range(5):
        worker = run(_save_for_ever, path)
        time.sleep(0.05 + 0.013 * k)
        worker.kill()
        worker.join(60)
        table = Register(path).table
        assert table["id"].tolist() == ["P-001"] and table.shape[1] == len(EXAMPLE)


@pytest.mark.parametrize("which", ["backup", "[cx]"])
def test_a_full_disk_leaves_the_register_as_it_was(path, monkeypatch, which):
    before, plain, register = path.read_bytes(), os.fsync, edited(path, "too much")

    def full(number):
        parts = path.parent.glob(f".register.{which}*")
        if any(os.path.samestat(one.stat(), os.fstat(number)) for one in parts):
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutOfReach, match=r"No space left.*as it was.*free some space"):
            register.save()
    assert path.read_bytes() == before and not list(path.parent.glob(".register*saving"))
    assert register.table.loc[0, "title"] == "too much" and "Saved" in register.save()
