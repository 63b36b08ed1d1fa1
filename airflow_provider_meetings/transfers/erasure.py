"""Plan what is to be forgotten, and apply the plan to marks, databases, lakes of rows, and stores."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from airflow_provider_meetings.api.errors import InvalidRequest, NotReady, StoreError
from airflow_provider_meetings.api.landing.store import Store
from airflow_provider_meetings.api.ledger.items import TAKEN_FOR
from airflow_provider_meetings.api.ledger.ledger import Ledger, in_ledger
from airflow_provider_meetings.api.ledger.marks import MarkKind, Marks, check_key, subject_hash
from airflow_provider_meetings.api.ledger.state import State
from airflow_provider_meetings.api.models import MediaKind
from airflow_provider_meetings.api.query import WINDOW
from airflow_provider_meetings.api.sanitize import check_text
from airflow_provider_meetings.hooks.arguments import ids
from airflow_provider_meetings.hooks.redact_key import redact_key
from airflow_provider_meetings.hooks.stores import store_at
from airflow_provider_meetings.transfers.to_sql import engine_at
from airflow_provider_meetings.transfers.transcript_files import segments
from airflow_provider_meetings.warehouse.erase.eraser import Counts, Eraser
from airflow_provider_meetings.warehouse.erase.objects import erase_objects
from airflow_provider_meetings.warehouse.erase.rows import (
    erase_lake,
    erase_rows,
    forgotten_in_database,
    forgotten_in_lake,
)
from airflow_provider_meetings.warehouse.merge.engine import Engine
from airflow_provider_meetings.warehouse.tables.tables import Tables, tables

SUBJECTS = ("recordings", "person", "older_than")
PLACES = ("targets", "sql", "lakes")
MIN_NAME = 2
_ATTEMPTS = 10
_FIELDS = {"erasure_id", "made_at", "asked_by", "state", "where", "subject", "counts", "unreachable"}
_STATES = ("planned", "begun", "applied")
_URL = "Set it to a URL such as file:///data/lake/plan.json, outside of the folders of a ledger."
_MEASURES = ("removed", "redacted", "partitions", "bytes")


def forget(url: str, options: Mapping[str, Any], *, everything: bool, apply: bool) -> dict[str, Any]:
    """Make a plan, apply one, or both; return it without ids and names.

    A plan that was applied in part is applied to its end before a new one is made.

    :param url: of the plan, a JSON object; it has ids until it is applied.
    :param options: the arguments of `ForgetOperator`.
    :raises InvalidRequest: for no subject or two, if nothing would stay, and for something else than a plan at the URL.
    :raises NotReady: for a recording that is being landed.
    """
    folder, _, key = check_text(url, "plan", next_step=_URL).rpartition("/")
    store = store_at(f"{folder}/", "plan")
    if not key or in_ledger(url):
        raise InvalidRequest(f"The plan cannot be at {url}", next_step=_URL)
    plan = _plan_at(store, key)
    has_subject = any(options[name] for name in SUBJECTS)
    if not has_subject and not (plan and apply):
        raise InvalidRequest(f"Nothing to forget: no recordings, person or older_than, and no plan at {url} to apply")
    if plan and plan["state"] == "begun" and not apply:
        raise InvalidRequest(f"The plan at {url} was applied in part", next_step="Apply it, or choose another URL.")

    def save(plan: dict[str, Any], state: str) -> None:
        store.put(key, json.dumps(plan | {"state": state}, ensure_ascii=False).encode())

    # A plan that was applied in part knows of what its rows have gone already.
    steps = [plan] if apply and plan and plan["state"] in ({"begun"} if has_subject else {"planned", "begun"}) else []
    for step in [*steps, *([None] if has_subject else ())]:
        erasure = Erasure(plan := step or _new(options))
        if step is None:
            erasure.find(everything=everything)
            save(plan, "planned")
        if apply:
            save(plan, "begun")
            erasure.apply()
            plan |= {"subject": None, "state": "applied"}
            save(plan, "applied")
    return {name: value for name, value in (plan or {}).items() if name != "subject"}


def unforget(
    ids: Sequence[str], platform: str, tenant: str, *, urls: Sequence[str], sql: Sequence[str], lakes: Sequence[str]
) -> Counter[str]:
    """Remove marks and rows of `erasures`; return by id how many there were.

    :param ids: of recordings, persons, posts; of files of a kind the recording's id, a slash, and the kind.
    """
    check_key(key := redact_key(), (), "")
    hashes = {subject_hash(key, kind, platform, tenant, one): one for one in ids for kind in MarkKind}
    found = [
        *(Marks(store_at(url, "url"), redact_key).remove(hashes) for url in urls),
        *(forgotten_in_database(engine, target.erasures, remove=hashes) for engine, target in map(_database, sql)),
        *(forgotten_in_lake(store_at(url, "lakes"), remove=hashes) for url in lakes),
    ]
    return Counter(hashes[one] for some in found for one in some if one in hashes)


class Erasure:
    """A plan and its places.

    :raises InvalidRequest: for an invalid place, and without a key for the marks.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        check_key(key := redact_key(), (), "")
        where, at = plan["where"], datetime.fromisoformat(plan["made_at"])
        self._eraser = Eraser(plan["subject"], key)
        urls = {**where, "ledger": [where["ledger"]] if where["ledger"] else []}
        self._stores = {url: store_at(url, name) for name in ("ledger", "targets", "lakes") for url in urls[name]}
        self._rows = {url: partial(erase_lake, self._stores[url], self._eraser, at) for url in where["lakes"]}
        for place in where["sql"]:
            self._rows[place] = partial(erase_rows, *_database(place), self._eraser, at)

    def find(self, *, everything: bool) -> None:
        """Add to the plan what would go and what cannot be reached.

        :raises InvalidRequest: if nothing would stay.
        """
        met = None
        while met != (met := (len(self._eraser.recordings), len(self._eraser.posts))):
            counts = self._look()
        if not (self._eraser.stays or everything) and self._eraser.recordings:
            raise InvalidRequest("Nothing of what was looked at would stay", next_step="To allow it, give --all.")
        self.plan["counts"] = [
            {"place": place, "table": table, **{name: found[table, name] for name in _MEASURES}}
            for place, found in counts.items()
            for table in dict.fromkeys(table for table, _ in found)
        ]
        unsearched = sum(key[:3] in self._eraser.shared for key in self._eraser.unsearched)
        loose = sum(self._eraser.loose.values()) if self.plan["subject"]["person"] else 0
        whose = len(self._eraser.met - self._eraser.owned) if self.plan["subject"]["person"] else 0
        self.plan["unreachable"] = [
            *([f"{whose} recordings whose owner no row or batch tells: those of his by their ids"] if whose else ()),
            *([f"{loose} objects without a receipt, which are not searched"] if loose else ()),
            *([f"{unsearched} media files and documents of others, which are not searched"] if unsearched else ()),
            "old versions of objects: delete or expire them; under an Object Lock they stay until its end",
            "backups and copies: let them expire; XComs and logs: airflow db clean; arguments of DAGs: remove his ids",
        ]
        self.plan["subject"] = self._eraser.subject()

    def apply(self) -> None:
        """Mark, then remove: rows, then objects. Each step may be repeated, so a killed one is applied again.

        :raises NotReady: for a recording that is being landed, or was listed and not loaded: nothing was removed.
        :raises StoreError: if a store keeps what is deleted.
        """
        plan, where = self.plan, self.plan["where"]
        if not self._eraser.marks():  # nothing is old enough
            return
        self._look()  # what has come since the plan was made is marked as well
        if where["ledger"]:
            self._check_idle(Ledger(self._stores[where["ledger"]]).read())
        key = redact_key()
        marks = {subject_hash(key, *mark): mark for mark in self._eraser.marks()}
        about = {name: plan[name] for name in ("erasure_id", "asked_by")} | {"erased_at": plan["made_at"]}
        for url in self._stores.keys() & {where["ledger"], *where["targets"]}:
            known = Marks(self._stores[url], redact_key)
            for one, (kind, *_) in marks.items():
                known.add(one, {**about, "scope": kind})
        rows = list[tuple[str, Callable[[], object]]]()
        for place, erase in self._rows.items():
            counts = {one["table"]: one for one in plan["counts"] if one["place"] == place}
            erasures = [
                {**about, "subject_hash": one, "scope": str(kind), "platform": of, "tenant": tenant, "counts": counts}
                for one, (kind, of, tenant, _) in marks.items()
            ]
            rows.append((place, partial(erase, erasures)))
            erase(erasures)
        for url in where["targets"]:
            _repeat(partial(self._objects, url, apply=True), url)
        if url := where["ledger"]:
            _repeat(partial(self._forget_items, Ledger(self._stores[url])), url)
        # Rows again: a load or another erasure may have written meanwhile what it had read before.
        for place, step in rows:
            _repeat(step, place)

    def _look(self) -> dict[str, Counts]:
        counts = {place: erase(None) for place, erase in self._rows.items()}
        return counts | {url: counts.get(url, Counts()) + self._objects(url) for url in self.plan["where"]["targets"]}

    def _check_idle(self, state: State) -> None:
        platform, tenant = state.pipeline[2] if state.pipeline else ("", "")
        for key, item in state.items.items():
            of = {"platform": platform, "tenant": tenant, "recording_id": item.seen.recording_id}
            is_taken = item.is_open and item.seen.taken_at > time.time() - TAKEN_FOR
            if is_taken and (self._eraser.goes(of) or tuple(of.values()) in self._eraser.shared):
                raise NotReady(
                    f"The run {item.seen.run} has listed {key} within the last hour, and has not loaded it yet",
                    next_step="Wait for its end, or an hour. Nothing was removed.",
                )

    def _forget_items(self, ledger: Ledger) -> bool:
        """Remove items and selectors from a ledger; return whether there were any."""
        state, eraser = ledger.read(), self._eraser
        of = dict(zip(("platform", "tenant"), state.pipeline[2] if state.pipeline else ("", ""), strict=True))
        before, selectors = state.to_bytes(), {*state.intervals, *state.since} if eraser.concerns(of) else ()
        for key, item in [*state.items.items()]:
            if eraser.goes({**of, "recording_id": item.seen.recording_id or item.seen.replaced_by}):
                del state.items[key]
            elif eraser.concerns(of) and eraser.is_named(item.seen.selector):
                state.items[key] = item.replace(seen=item.seen.replace(selector=WINDOW))
        for selector in filter(eraser.is_named, selectors):
            state.intervals.pop(selector, None)
            state.since.pop(selector, None)
        if changed := state.to_bytes() != before:
            ledger.compact(state, time.time(), at_least=0)
        return changed

    def _objects(self, url: str, *, apply: bool = False) -> Counts:
        return erase_objects(self._stores[url], self._eraser, segments, apply=apply)


def _repeat(step: Callable[[], object], place: str) -> None:
    """Repeat a step until it finds nothing.

    :raises StoreError: if it still does.
    """
    if all(step() for _ in range(_ATTEMPTS)):
        raise StoreError(
            f"{place} has still some of what was removed {_ATTEMPTS} times",
            next_step="Look whether objects can be deleted there, and whether a run writes them; apply the plan again.",
        )


def _database(place: str) -> tuple[Engine, Tables]:
    conn_id, schema, prefix = (*place.split("/", 2), "", "")[:3]
    return engine_at(conn_id, schema or None, prefix), tables(prefix, schema or None)


def _plan_at(store: Store, key: str) -> dict[str, Any] | None:
    """Return the plan there; None if there is nothing."""
    try:
        plan: dict[str, Any] = json.loads(b"".join(store.open(key)))
        if plan.keys() >= _FIELDS and plan["state"] in _STATES:
            return plan
    except FileNotFoundError:
        return None
    except (AttributeError, TypeError, ValueError, RecursionError):
        pass
    raise InvalidRequest(f"What is at {store.uri(key)} is no plan", next_step="Choose another URL.")


def _new(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan without what would go, after checking the options."""
    texts = {name: _texts(options[name], name) for name in ("recordings", "person", *PLACES)}
    for name in ("platform", "tenant", "ledger", "asked_by"):
        _texts([options[name]] if options[name] else [], name)
    older_than, of = options["older_than"] or {}, [options["platform"], options["tenant"]]
    ages = older_than.items() if isinstance(older_than, Mapping) else [(str(older_than), None)]
    for kind, age in ages:
        if str(kind).partition("-")[0] not in set(MediaKind) or not isinstance(age, timedelta) or age < timedelta():
            raise InvalidRequest(f"older_than must be ages by kind, of {', '.join(MediaKind)}; got {kind!r:.60}")
    if sum(map(bool, (texts["recordings"], texts["person"], older_than))) != 1:
        raise InvalidRequest(f"Give one of {', '.join(SUBJECTS)}")
    if vague := [one for one in texts["person"] if len(one) < MIN_NAME or one in of]:
        raise InvalidRequest(
            f"person: {vague[0]!r} would be found in much that is of others", next_step="Give ids and whole names."
        )
    if not all(of) and (any(of) or not older_than):
        raise InvalidRequest("Give both the platform and the tenant of the recordings or the person")
    where = {"ledger": options["ledger"], **{name: texts[name] for name in PLACES}}
    if not any(where.values()):
        raise InvalidRequest(f"Give one of ledger, {', '.join(PLACES)}")
    now = datetime.now(UTC)
    subject = {
        "of": of if all(of) else None,
        "person": texts["person"],
        "older_than": {kind: (now - age).isoformat() for kind, age in older_than.items()},
        "recordings": [[*of, one, []] for one in texts["recordings"]],
    }
    plan = {"erasure_id": secrets.token_hex(8), "made_at": now.isoformat(), "asked_by": options["asked_by"]}
    return {**plan, "state": "planned", "where": where, "subject": subject}


def _texts(value: Any, name: str) -> list[str]:
    found = ids(value, name) or []
    if not isinstance(found, list | tuple):
        raise InvalidRequest(f"{name} must be a list of texts, got {type(value).__name__}")
    return [check_text(one, name, next_step="Give texts.") for one in found]
