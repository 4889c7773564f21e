"""What settings cannot say: how notations are written, what rules between parts there are, and which refusals are right although
a request is as the document says."""

import json
import os
import random
import re
from base64 import urlsafe_b64encode
from datetime import datetime

import schemathesis
from hypothesis import strategies as st


def cursors(second):
    """Where a page ended, as only the server writes it."""
    return second.map(lambda place: urlsafe_b64encode(json.dumps(["0", place]).encode()).decode().rstrip("="))


# A pattern says how something is written, but neither how much it may come to nor whether it means anything.
NOTATIONS = {
    "duration-with-units": st.integers(1000, 30_000).map("{}ms".format) | st.integers(1, 30).map("{}s".format),
    "bytes-with-unit": st.builds("{}{}".format, st.integers(0, 2000), st.sampled_from(["Ki", "Mi", "Gi", "k", "M", "G"])),
    "cpu": st.integers(0, 100_000).map("{}m".format) | st.builds("{}.{}".format, st.integers(0, 99), st.integers(0, 9)),
    "date-or-time": st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)).map("{:%Y-%m-%dT%H:%M:%SZ}".format),
    "entity-tags": st.just("*") | st.lists(st.integers(1, 100).map('"{}"'.format), min_size=1, max_size=3).map(", ".join),
    "page-cursor": cursors(st.integers(0, 20)),
    "audit-cursor": cursors(st.integers(0, 20).map(str)),
}
for name, strategy in NOTATIONS.items():
    schemathesis.openapi.format(name, strategy)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """What is written in a notation is made by what it means, see above, and no more by its pattern."""
    parts = [raw_schema]
    while parts:
        part = parts.pop()
        if isinstance(part, dict) and isinstance(part.get("pattern"), str) and part.get("format") in NOTATIONS:
            del part["pattern"]
        parts += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []


# Ids of what lets the requests in: once it is gone, or changed, nothing else is tried any more.
KEPT = os.environ["BERTH_FUZZ_KEPT"].split()


@schemathesis.hook
def before_call(context, case, kwargs):
    keep_what_lets_in(case)
    if case.meta is not None and case.meta.generation.mode.is_positive:
        obey_rules_between_parameters(case)
        read_as_a_stream(case)
    wait_shortly(case)


def keep_what_lets_in(case):
    if case.method != "GET" and "/internal/" not in case.operation.path and (case.path_parameters or {}).get("id") in KEPT:
        case.path_parameters = {**case.path_parameters, "id": "x-nobody"}


def obey_rules_between_parameters(case):
    """OpenAPI has no words for parameters of which one is meant."""
    query = case.query or {}
    if case.operation.path.endswith("/snapshot"):
        moments = ["revision", "sequence", "time"]
        case.query = keep_one(query if any(name in query for name in moments) else {**query, "sequence": 1}, moments)
    elif case.operation.path == "/api/v1/events":
        case.query = keep_one(query, ["cursor", "revision"])


def keep_one(query, names):
    given = [name for name in names if name in query]
    kept = random.Random(str(query)).choice(given) if given else None
    return {name: value for name, value in query.items() if name == kept or name not in names}


def read_as_a_stream(case):
    """Half of the readers want a stream: of everything and from the beginning, for one that has nothing to tell says nothing for long."""
    if case.operation.path == "/api/v1/events" and random.Random(str(case.query)).random() < 0.5:
        case.query = {"cursor": "0"}
        case.headers = {**(case.headers or {}), "Accept": "text/event-stream"}


# These wait for what the record shows, and nothing writes it here.
OF_THE_RECORD = ("/snapshot", "/history", "/timeline")


def wait_shortly(case):
    """Nothing drives lifecycles here, so that what is waited for does not come. What is no duration is to be refused as such."""
    query = case.query = dict(case.query or {})
    may_wait = {"timeout", "waitFor", "minRevision"} & query.keys() or case.operation.path.endswith(OF_THE_RECORD)
    for bound, waits in {"timeout": may_wait, "wait": "wait" in query}.items():
        if waits and re.fullmatch(r"\d+(ms|s)", str(query.get(bound, "1s"))):
            query[bound] = "10ms"


# Refused for what is there, not for what was written.
ABOUT_WHAT_IS_THERE = {"revision_unknown", "precondition_failed", "cursor_gone", "unplaceable", "artifact_not_found", "artifact_outside", "artifact_invalid"}

# What JSON Schema has no words for, as refusals begin to tell of it: rules between the parts of a document, bounds of what is
# not written as a number, and bounds of many parts together.
BEYOND_SCHEMAS = (
    "a duration such as 500ms, 10s or 1h30m, from ",
    "a name that no other component has",
    "a path that no other file takes",
    "a port name whose placeholder no other port has",
    "a port no lower than from",
    "a port number that no other port has",
    "a time that is not before from",
    "no less than initialBackoff",
    "one of the placeholders ",
    "the name of one of the tcp ports ",
)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A refusal of what is as the document says is a failure, unless it is for a reason that no document can tell."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    # What is no notation, see above, counts as text that is right where no pattern says otherwise; it was made to be refused.
    if case.meta is not None and not case.meta.generation.mode.is_positive:
        return False
    problem = response.json()
    if problem["code"] in ABOUT_WHAT_IS_THERE:
        return False
    # No object of any request may have this key.
    if problem["code"] == "malformed_body" and '"__proto__"' in problem["detail"]:
        return False
    errors = problem.get("errors", [])
    # YAML 1.1, in which schemathesis writes, knows fewer numbers than YAML 1.2, in which they are read: 0o10 is text there and 8 here.
    if "yaml" in (case.media_type or "") and any("in quotes" in error["expected"] for error in errors):
        return False
    return not errors or any(not error["expected"].startswith(BEYOND_SCHEMAS) for error in errors)
