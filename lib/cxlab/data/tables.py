"""The tables that the workbook reads, each declared once; data/README.md describes them.

A table may always carry more columns than are declared. Nothing heavy is imported here.
"""

from dataclasses import dataclass

from cxlab.data.errors import InputError, nearest, show


@dataclass(frozen=True)
class Column:
    """One declared column; ``holds`` is id, text, number, whole, flag (yes or no) or time.

    ``gaps`` says whether single values may be missing, ``allowed`` are the only values. ``personal`` columns
    may tell who somebody is and are never shown unless a study's file names them. ``aliases`` are what others
    call it, with spaces between them, for guesses.
    """

    name: str
    holds: str
    description: str
    aliases: str = ""
    required: bool = True
    gaps: bool = False
    allowed: tuple = ()
    low: float | None = None
    high: float | None = None
    personal: bool = False


@dataclass(frozen=True)
class Kind:
    """One declared kind of table; ``row`` says what one row is.

    ``counts`` names the column whose distinct values are people to be protected in small cells: ``""`` when
    each row is one, None when the table is about projects, outlets, accounts or raters. Columns of ``key``
    may occur together once only, one of ``one_of`` is needed, pairs of ``ordered`` must not decrease.
    ``large`` tables may be of any size and stay in DuckDB then. A table ``beside`` another is small and
    belongs to it (``related``).
    """

    name: str
    title: str
    row: str
    columns: tuple[Column, ...]
    counts: str | None = None
    key: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    large: bool = False
    beside: str = ""

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> list[str]:
        """Names of the declared columns."""
        return [column.name for column in self.columns]


def may(name: str, holds: str, description: str, aliases: str = "", **more) -> Column:
    """Declare a column that may be absent and may have gaps."""
    return Column(name, holds, description, aliases, required=False, **{"gaps": True, **more})


_PERSON = (
    "customer customer_id user user_id userid client client_id member kunde kundennummer cust_id "
    "user_pseudo_id distinct_id anonymous_id visitor_id case_id amplitude_id"
)
_TIME = (
    "time date datetime when created_at occurred_at event_time event_timestamp original_timestamp sent_at "
    "received_at ts zeit datum date_time zeitstempel horodatage fecha"
)
_ANSWERED = (
    "submitdate submit_date date_submitted submitted_at recorded_date end_date completed completion_time "
    "survey_date interview_date response_date zeitstempel timestamp datum"
)
_SEGMENT = may("segment", "text", "group to compare, such as region or tariff", "group region tier country")
_PARTNER = may("organisation", "text", "company or partner that the row belongs to",
               "organization company tenant brand partner")  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in (
    Kind("survey", "survey of customers",
         "one respondent; the items and outcomes are columns of your own, named in the mapping file", (
        may("respondent", "id", "respondent's number; made from the line when absent",
            "respondent_id respid response_id participant case id respnum antwort_id", gaps=False,
            personal=True),
        may("weight", "number", "survey weight, positive", "weights wt gewicht weighting", low=0),
        _SEGMENT,
        may("date", "time", "day of the answer", _ANSWERED),
        may("cluster", "id", "who or what gave several rows, such as a person or branch", personal=True),
    ), counts="", key=("respondent",)),
    Kind("events", "events of customers", "one event of one customer", (
        Column("customer_id", "id", "who did it; rows without are dropped and counted",
               _PERSON + " session_id visitor person person_id account_id", gaps=True, personal=True),
        Column("event", "text", "what happened; the steps of a funnel are chosen among these",
               "action event_name event_type activity step type ereignis concept_name"),
        Column("timestamp", "time", "when; without a time zone, or all with one", _TIME),
        _SEGMENT,
        _PARTNER,
        may("session", "text", "visit to the site that the event belongs to", "ga_session_id visit_id"),
    ), counts="customer_id", large=True),
    Kind("visits", "visits to outlets", "one visit of one person to one outlet", (
        Column("outlet", "id", "shop, restaurant, branch",
               "shop store branch site restaurant filiale location place_id store_id outlet_id"),
        _PARTNER,
        may("person", "id", "who came", "visitor guest customer customer_id user_id", personal=True),
        may("role", "text", "what the person was that day: visitor, guest, investor, resident",
            "persona visitor_type customer_type"),
        may("timestamp", "time", "when", _TIME),
        may("score", "number", "satisfaction with the visit, as asked", "rating satisfaction stars csat"),
        may("comment", "text", "what was said; never shown", "text feedback remark verbatim", personal=True),
    ), counts="person", large=True),
    Kind("contacts", "contacts with customers", "one contact (call, mail, chat)", (
        may("customer", "id", "who made contact", _PERSON, personal=True),
        Column("coded_reason", "text", "reason as first coded; may be no_known_contact or no_human_reached",
               "reason reason_code contact_reason category topic grund"),
        may("second_coding", "text", "reason as coded by a second reader, on a random part",
            "second_reason recoded_reason audit_reason reason2"),
        may("text", "text", "what the customer said or wrote; never shown",
            "comment message note verbatim body", personal=True),
        _SEGMENT,
        may("timestamp", "time", "when", _TIME),
    ), counts="customer"),
    Kind("initiatives", "initiatives", "one project", (
        Column("id", "id", "the project's own name or number", "project project_id initiative name"),
        may("area", "text", "what it works on, in the words of the table pain", "theme topic category"),
        Column("level", "text", "whom it is for", "scope tier", allowed=("account", "unit", "corporate")),
        Column("impact", "number", "expected impact, most likely", "impact_mid benefit value nutzen", low=0),
        may("impact_low", "number", "expected impact, low", "impact_min benefit_low"),
        may("impact_high", "number", "expected impact, high", "impact_max benefit_high"),
        may("effort", "number", "hours or person-days", "hours days person_days aufwand", low=0),
        Column("cost", "number", "cost in one currency", "budget price spend kosten", low=0),
        may("due", "time", "day it is promised for", "due_date deadline planned_end"),
        may("done", "time", "day it ended; empty while open", "done_date finished completed actual_end"),
        may("status_history", "text", "DATE STATUS pairs, parted by a semicolon: 2026-01-31 on schedule; "
            "2026-02-28 late", "history status_log status"),
        may("compensation_linked", "flag", "whether somebody's pay depends on it",
            "pay_linked bonus compensation incentive"),
        may("title", "text", "what it is called on a page"),
        may("side", "text", "what it improves"),
        may("customer_focused", "flag", "whether it is customer-focused, as first coded"),
        may("customer_focused_2", "flag", "the same as coded by a second reader"),
        may("team", "text", "the responsible team; not a person's name", "responsible_team"),
    ), key=("id",), ordered=(("impact_low", "impact"), ("impact", "impact_high"))),
    Kind("accounts", "levels of satisfaction of an account", "one account at one of its five levels", (
        Column("account", "id", "the business customer", "customer client company account_id"),
        Column("level", "text", "the level, such as company or key individuals", "layer horizon stage"),
        Column("score", "number", "satisfaction at that level; 0/1 or a scale, the same for all",
               "rating satisfaction value", gaps=True),
        may("dependence", "number", "how hard it would be to leave", "switching_cost lock_in"),
        may("renewed", "flag", "whether it renewed; the same on all its rows", "renewal retained renew"),
        may("first_attained", "time", "day on which the level was first reached",
            "first_attained_date attained reached date"),
    ), key=("account", "level")),
    Kind("ratings", "labels that raters gave", "one label by one rater for one statement", (
        Column("rater", "id", "who rated; a letter or number, not a name", "coder judge annotator respondent",
               personal=True),
        Column("statement", "id", "which statement", "item unit sentence question"),
        Column("label", "text", "the label, such as product, experience or both",
               "code rating category answer", gaps=True),
    ), key=("rater", "statement")),
    Kind("vignette", "randomised vignettes",
         "one answer to one story in which stock and courtesy were drawn by lot", (
        Column("person", "id", "who answered", "respondent participant subject id", personal=True),
        Column("stock", "whole", "1 in stock, 0 not", "in_stock available", allowed=(0, 1)),
        Column("courtesy", "whole", "1 courteous, 0 not", "courteous polite friendly", allowed=(0, 1)),
        Column("satisfaction", "number", "satisfaction with the visit", "score rating csat outcome",
               gaps=True),
    ), counts="person"),
    Kind("stages", "quality, owners, words and deeds by stage",
         "one customer at one stage, one function's part in one, or one colleague's words about one", (
        may("respondent", "id", "customer who was served, or colleague who answered",
            _PERSON + " person participant respondent_id", personal=True),
        Column("stage", "text", "stage of the lifecycle", "step phase lifecycle_stage"),
        may("function", "text", "function that did it or is spoken of, such as sales",
            "department team unit abteilung"),
        may("passed", "flag", "whether the stage went right the first time",
            "ok success right_first_time pass result"),
        may("role", "text", "the function's part there", "raci responsibility part"),
        may("says_priority", "flag", "says that it is a priority", "priority says important"),
        may("does_review", "flag", "does review it regularly", "review reviews does"),
    ), counts="respondent", one_of=("passed", "role", "says_priority")),
    Kind("pain", "where it hurts", "one area of work", (
        Column("area", "text", "area, in the words of initiatives", "theme topic reason category"),
        may("contacts", "whole", "contacts about it in the period", "calls tickets count n", low=0),
        may("complaints", "whole", "complaints about it in the period", "claims beschwerden", low=0),
        may("responses", "whole", "answers to a question about it", low=0),
        may("satisfied", "whole", "satisfied ones among the responses", low=0),
    ), key=("area",), one_of=("contacts", "complaints"), ordered=(("satisfied", "responses"),),
        beside="initiatives"),
    Kind("kpis", "what partners are paid for", "one measure that one organisation rewards", (
        Column("organisation", "text", "who rewards", "organization company partner department"),
        Column("kpi", "text", "the measure", "measure metric indicator goal"),
        Column("weight", "number", "its weight in pay or targets", "share percent importance", low=0),
    ), key=("organisation", "kpi"), beside="visits"),
)}  # fmt: skip


def kind_named(name: str) -> Kind:
    """Return the declaration of a kind of table; refuse an unknown name."""
    if name in KINDS:
        return KINDS[name]
    raise InputError(f"there is no table {show(name)}; {nearest(name, KINDS)}tables are: {', '.join(KINDS)}")
