"""The seventeen tables, column by column; :mod:`.declarations` says what a column and a table are."""

from __future__ import annotations

from .columns import Column, Table

__all__ = ["TABLES"]


def optional(name: str, kind: str, description: str, **more) -> Column:
    """Declare a column that may be absent and may have gaps."""
    return Column(name, kind, description, required=False, gaps=more.pop("gaps", True), **more)


_SEGMENT = optional(
    "segment",
    "text",
    "group to compare, such as region or tariff",
    aliases=("group", "region", "tier", "country"),
)
_ORGANISATION = optional(
    "organisation",
    "text",
    "company or partner that the row belongs to",
    aliases=("organization", "company", "tenant", "brand", "partner"),
)
_CUSTOMER = (
    "customer_id",
    "client",
    "user",
    "user_id",
    "account",
    "member",
    "kunde",
    "kundennummer",
    "cust_id",
)
_TIME = ("time", "date", "datetime", "created_at", "occurred_at", "event_time", "ts", "zeit", "datum")
_OUTLET = ("shop", "store", "branch", "site", "restaurant", "filiale", "location")
_STAGE = ("step", "phase", "lifecycle_stage")
_FUNCTION = ("department", "team", "unit", "abteilung")

_SURVEY = Table(
    "survey",
    "survey of customers",
    "one respondent; the items and outcomes are columns of your own, named in the mapping file",
    (
        optional(
            "respondent",
            "id",
            "respondent's number; made from the line when absent",
            gaps=False,
            personal=True,
            aliases=("respondent_id", "respid", "response_id", "participant", "case", "id"),
        ),
        optional("weight", "number", "survey weight, positive", low=0, aliases=("weights", "wt", "gewicht")),
        _SEGMENT,
        optional(
            "firm",
            "text",
            "firm that the answer is about",
            aliases=("brand", "vendor", "provider", "supplier"),
        ),
    ),
    counts="",
    key=("respondent",),
)
_EVENTS = Table(
    "events",
    "events of customers",
    "one event of one customer",
    (
        Column("customer_id", "id", "who did it; rows without are dropped and counted", gaps=True, personal=True,
               aliases=("customer", "user", "user_id", "userid", "client", "client_id", "visitor_id", "session_id", "kunde")),
        Column("event", "text", "what happened; the steps of a funnel are chosen among these",
               aliases=("action", "event_name", "event_type", "activity", "step", "type", "ereignis")),
        Column("timestamp", "time", "when; without a time zone, or all with one", aliases=_TIME),
        _SEGMENT,
        _ORGANISATION,
        optional("product_score", "number", "what the customer thought of the product"),
        optional("experience_score", "number", "what the customer thought of the experience"),
    ),
    counts="customer_id",
    large=True,
)  # fmt: skip
_CONTACTS = Table(
    "contacts",
    "contacts with customers",
    "one contact (call, mail, chat)",
    (
        optional("customer", "id", "who made contact", personal=True, aliases=_CUSTOMER),
        Column("coded_reason", "text", "reason as first coded; may be no_known_contact or no_human_reached",
               aliases=("reason", "reason_code", "contact_reason", "category", "topic", "grund")),
        optional("second_coding", "text", "reason as coded by a second reader, on a random part of the contacts",
                 aliases=("second_reason", "recoded_reason", "audit_reason", "reason2")),
        optional("text", "text", "what the customer said or wrote; never shown", personal=True,
                 aliases=("comment", "message", "note", "verbatim", "body")),
        _SEGMENT,
    ),
    counts="customer",
)  # fmt: skip
_STAGE_QUALITY = Table(
    "stage_quality",
    "quality at each stage",
    "one customer at one stage (and function)",
    (
        Column("customer", "id", "who was served", personal=True, aliases=_CUSTOMER),
        Column("stage", "text", "stage of the lifecycle", aliases=_STAGE),
        optional("function", "text", "function that did it, such as sales or service", aliases=_FUNCTION),
        Column("passed", "flag", "whether the stage went right the first time",
               aliases=("ok", "success", "right_first_time", "pass", "result")),
    ),
    counts="customer",
)  # fmt: skip
_INITIATIVES = Table(
    "initiatives",
    "initiatives",
    "one project",
    (
        Column("id", "id", "the project's own name or number", aliases=("project", "project_id", "initiative", "name")),
        optional("area", "text", "what it works on, in the words of the table pain", aliases=("theme", "topic", "category")),
        Column("level", "text", "whom it is for", allowed=("account", "unit", "corporate"), aliases=("scope", "tier")),
        Column("impact", "number", "expected impact, most likely value", low=0,
               aliases=("impact_mid", "benefit", "value", "nutzen")),
        optional("impact_low", "number", "expected impact, low", aliases=("impact_min", "benefit_low")),
        optional("impact_high", "number", "expected impact, high", aliases=("impact_max", "benefit_high")),
        optional("effort", "number", "hours or person-days", low=0, aliases=("hours", "days", "person_days", "aufwand")),
        Column("cost", "number", "cost in one currency", low=0, aliases=("budget", "price", "spend", "kosten")),
        optional("due", "time", "day it is promised for", aliases=("due_date", "deadline", "planned_end")),
        optional("done", "time", "day it was finished; empty while open",
                 aliases=("done_date", "finished", "completed", "actual_end")),
        optional("status_history", "text", "DATE STATUS pairs, parted by a semicolon: 2026-01-31 on schedule; 2026-02-28 late",
                 aliases=("history", "status_log", "status")),
        optional("compensation_linked", "flag", "whether somebody's pay depends on it",
                 aliases=("pay_linked", "bonus", "compensation", "incentive")),
        optional("title", "text", "what it is called on a page"),
        optional("side", "text", "what it improves", usual=("product", "experience")),
        optional("approach", "text", "by which means", usual=("technology", "people")),
        optional("depth", "text", "whether it removes a cause or repairs its effects", usual=("cause", "repair")),
        optional("customer_focused", "flag", "whether it is customer-focused, as first coded"),
        optional("customer_focused_2", "flag", "the same as coded by a second reader"),
        optional("team", "text", "the responsible team; not a person's name", aliases=("responsible_team",)),
        optional("impact_loyalty", "number", "expected impact on loyalty or experience"),
        optional("impact_choice", "number", "expected impact on the choice of vendor"),
        optional("start", "time", "day it began", aliases=("start_date", "begin")),
        optional("progress", "number", "part that is done, 0 to 1", low=0, high=1),
    ),
    key=("id",),
    ordered=(("impact_low", "impact"), ("impact", "impact_high")),
)  # fmt: skip
_PAIN = Table(
    "pain",
    "where it hurts",
    "one area of work",
    (
        Column("area", "text", "area, in the words of the table initiatives", aliases=("theme", "topic", "reason", "category")),
        optional("contacts", "whole", "contacts about it in the period", low=0, aliases=("calls", "tickets", "count", "n")),
        optional("complaints", "whole", "complaints about it in the period", low=0, aliases=("claims", "beschwerden")),
        optional("responses", "whole", "answers to a question about it", low=0),
        optional("satisfied", "whole", "satisfied ones among the responses", low=0),
    ),
    key=("area",),
    one_of=("contacts", "complaints"),
    ordered=(("satisfied", "responses"),),
)  # fmt: skip
_VISITS = Table(
    "visits",
    "visits to outlets",
    "one visit of one person to one outlet",
    (
        Column("outlet", "id", "shop, restaurant, branch", aliases=_OUTLET),
        _ORGANISATION,
        optional("person", "id", "who came", personal=True, aliases=("visitor", "guest", "customer", "customer_id", "user_id")),
        optional("role", "text", "what the person was that day: visitor, guest, investor, resident",
                 aliases=("persona", "visitor_type", "customer_type")),
        optional("timestamp", "time", "when", aliases=_TIME),
        optional("score", "number", "satisfaction with the visit, as asked", aliases=("rating", "satisfaction", "stars", "csat")),
        optional("comment", "text", "what was said; never shown", personal=True, aliases=("text", "feedback", "remark", "verbatim")),
    ),
    counts="person",
    large=True,
)  # fmt: skip
_LADDER = Table(
    "ladder",
    "levels of satisfaction of an account",
    "one account at one of its five levels",
    (
        Column("account", "id", "the business customer", aliases=("customer", "client", "company", "account_id")),
        Column("level", "text", "the level that is scored, such as company or key individuals", aliases=("layer", "horizon", "stage")),
        Column("score", "number", "satisfaction at that level; 0/1 or a scale, the same for all", gaps=True,
               aliases=("rating", "satisfaction", "value")),
        optional("dependence", "number", "how hard it would be for the account to leave", aliases=("switching_cost", "lock_in")),
        optional("renewed", "flag", "whether the account renewed; the same on all its rows",
                 aliases=("renewal", "retained", "renew")),
        optional("first_attained", "time", "day on which the level was first reached",
                 aliases=("first_attained_date", "attained", "reached", "date")),
        optional("spread", "number", "standard deviation of the answers behind the score", low=0),
        optional("dependence_later", "number", "dependence in a later wave"),
        optional("metrics_agreed", "whole", "at how many of the five levels measures were agreed on", low=0, high=5),
        optional("not_replaced", "number", "agreement that the vendor would not be replaced"),
        optional("dependable", "number", "agreement that the vendor can be depended on"),
        optional("not_held", "number", "agreement that the account stays freely"),
        optional("trust", "number", "trust in the vendor"),
        optional("recommend", "number", "likelihood to recommend, 0 to 10", low=0, high=10),
        optional("extra", "flag", "whether the account bought more"),
    ),
    key=("account", "level"),
)  # fmt: skip
_RATINGS = Table(
    "ratings",
    "labels that raters gave",
    "one label by one rater for one statement",
    (
        Column("rater", "id", "who rated; a letter or number, not a name", personal=True, aliases=("coder", "judge", "annotator", "respondent")),
        Column("statement", "id", "which statement", aliases=("item", "unit", "sentence", "question")),
        Column("label", "text", "the label, such as product, experience or both", gaps=True,
               aliases=("code", "rating", "category", "answer")),
    ),
    key=("rater", "statement"),
)  # fmt: skip
_VIGNETTE = Table(
    "vignette",
    "randomised vignettes",
    "one answer to one story in which stock and courtesy were drawn by lot",
    (
        Column("person", "id", "who answered", personal=True, aliases=("respondent", "participant", "subject", "id")),
        Column("stock", "whole", "1 the product was in stock, 0 it was not", allowed=(0, 1), aliases=("in_stock", "available")),
        Column("courtesy", "whole", "1 the staff were courteous, 0 they were not", allowed=(0, 1), aliases=("courteous", "polite", "friendly")),
        Column("satisfaction", "number", "satisfaction with the visit in the story", gaps=True,
               aliases=("score", "rating", "csat", "outcome")),
    ),
    counts="person",
)  # fmt: skip
_EXPECTATIONS = Table(
    "expectations",
    "expected and perceived",
    "one customer in one wave",
    (
        Column("customer", "id", "who answered", personal=True, aliases=(*_CUSTOMER, "respondent")),
        optional("wave", "text", "survey wave or period", aliases=("period", "round", "month", "year")),
        Column("expected", "number", "what was expected, asked before", gaps=True, aliases=("expectation", "expectations")),
        Column("perceived", "number", "what was perceived, on the same scale", gaps=True,
               aliases=("perception", "performance", "experienced")),
        Column("satisfaction", "number", "satisfaction", gaps=True, aliases=("csat", "score", "rating")),
        _SEGMENT,
    ),
    counts="customer",
    key=("customer", "wave"),
)  # fmt: skip
_FIRMS = Table(
    "firms",
    "firms over time",
    "one firm in one wave",
    (
        Column("firm", "text", "the firm", aliases=("company", "vendor", "brand", "organisation")),
        optional("wave", "text", "survey wave or year", aliases=("year", "period", "round", "quarter")),
        optional("industry", "text", "industry", aliases=("sector", "branch", "branche")),
        Column("product", "number", "mean score of the product", gaps=True, aliases=("product_score", "product_quality", "quality")),
        Column("experience", "number", "mean score of the experience", gaps=True, aliases=("experience_score", "cx", "service")),
        Column("outcome", "number", "what firms want: loyalty, retention, growth", gaps=True,
               aliases=("loyalty", "retention", "growth", "result")),
    ),
    key=("firm", "wave"),
)  # fmt: skip
_SAY_DO = Table(
    "say_do",
    "what is said and what is done",
    "one respondent about one stage and function of the own organisation",
    (
        Column("respondent", "id", "who answered", personal=True, aliases=("person", "participant", "respondent_id")),
        _ORGANISATION,
        optional("stage", "text", "stage of the lifecycle", aliases=_STAGE),
        optional("function", "text", "function that is spoken of", aliases=_FUNCTION),
        Column("says_priority", "flag", "says that it is a priority", gaps=True, aliases=("priority", "says", "important")),
        Column("does_review", "flag", "does review it regularly", gaps=True, aliases=("review", "reviews", "does")),
        optional("has_programme", "flag", "has a programme for it", aliases=("programme", "program", "has_program")),
    ),
    counts="respondent",
    key=("respondent", "stage", "function"),
)  # fmt: skip
_RESPONSIBILITY = Table(
    "responsibility",
    "who owns a stage",
    "one function's part in one stage",
    (
        Column("stage", "text", "stage of the lifecycle", aliases=_STAGE),
        Column("function", "text", "function", aliases=_FUNCTION),
        Column("role", "text", "its part there", usual=("accountable", "responsible", "consulted", "informed"),
               aliases=("raci", "responsibility", "part")),
    ),
    key=("stage", "function", "role"),
)  # fmt: skip
_PLANS = Table(
    "plans",
    "plans and their questions",
    "one question that one function's plan for one strategy answers or not",
    (
        Column("strategy", "text", "the strategy", aliases=("goal", "objective", "initiative")),
        Column("function", "text", "the function whose plan it is", aliases=_FUNCTION),
        Column("question", "text", "the question", aliases=("item", "criterion")),
        Column("answered", "flag", "whether the plan answers it", aliases=("answer", "yes", "done")),
        optional("handovers", "whole", "handovers counted in the period", low=0),
        optional("failed", "whole", "handovers that failed", low=0),
    ),
    key=("strategy", "function", "question"),
)  # fmt: skip
_KPIS = Table(
    "kpis",
    "what is rewarded",
    "one measure that one organisation rewards",
    (
        Column("organisation", "text", "who rewards", aliases=("organization", "company", "partner", "department")),
        Column("kpi", "text", "the measure", aliases=("measure", "metric", "indicator", "goal")),
        Column("weight", "number", "its weight in pay or targets; any positive scale", low=0,
               aliases=("share", "percent", "importance")),
    ),
    key=("organisation", "kpi"),
)  # fmt: skip
_FINDINGS = Table(
    "findings",
    "findings and who acts",
    "one finding",
    (
        Column("finding", "id", "its number or short title", aliases=("id", "issue", "insight", "finding_id", "title")),
        Column("layer", "text", "who can act on it", usual=("outlet", "organisation", "central office"), aliases=("level", "tier")),
        optional("owner_role", "text", "the role that owns it; not a person's name", aliases=("owner", "responsible", "assignee")),
        Column("raised", "time", "day it was raised", aliases=("opened", "created", "raised_date", "date")),
        optional("closed", "time", "day it was closed; empty while open", aliases=("resolved", "closed_date", "done")),
        _ORGANISATION,
        optional("direction", "text", "which way it travels", usual=("top-down", "bottom-up")),
        optional("heard", "time", "when the feedback behind it came in"),
        optional("evidence", "number", "how much feedback stands behind it", low=0),
        optional("state", "text", "how far it is", usual=("open", "designed", "in place", "effect shown", "closed"),
                 aliases=("status",)),
    ),
    key=("finding",),
    ordered=(("raised", "closed"),),
)  # fmt: skip

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        _SURVEY, _EVENTS, _CONTACTS, _STAGE_QUALITY, _INITIATIVES, _PAIN, _VISITS, _LADDER, _RATINGS, _VIGNETTE,
        _EXPECTATIONS, _FIRMS, _SAY_DO, _RESPONSIBILITY, _PLANS, _KPIS, _FINDINGS,
    )
}  # fmt: skip
