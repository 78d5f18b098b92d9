"""What every API request goes through: key, account, fault, idempotency, parameters, execution, answer."""

import json
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from hmac import compare_digest

from . import idempotency
from .accounts import authorised
from .call import Call
from .expansion import expand
from .faults import ConnectionDropped, FaultKind, FaultRule, Faults
from .idempotency import KeysInFlight, Saved
from .parameters import check
from .refusals import Json, Refusal, malformed, wrong_key
from .routes import find_route
from .settings import API_VERSION
from .store import Store, Work, savepoint

VERSION = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}(\.[a-z]+)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in; every parameter is still a string."""

    method: str
    path: str
    params: Json
    secret_key: str
    account: str = ""
    key: str | None = None
    version: str = API_VERSION
    base_url: str = ""
    id: str = field(default_factory=lambda: f"req_{secrets.token_hex(7)}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; `save` tells whether the request had begun to execute."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    save: bool = True


class Gate:
    """Answers API requests, one transaction each."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults
        self._in_flight = KeysInFlight()

    def answer(self, asked: Asked) -> Answer:
        """The response to a request; raises ConnectionDropped when a fault says so."""
        try:
            answer = self._admitted(asked)
        except Refusal as refusal:
            answer = _refused(refusal)
        headers = {"Request-Id": asked.id, "Stripe-Version": asked.version, **answer.headers}
        if asked.key is not None:
            headers["Idempotency-Key"] = asked.key
        if asked.account:
            headers["Stripe-Account"] = asked.account
        return replace(answer, headers=headers)

    def _admitted(self, asked: Asked) -> Answer:
        if not compare_digest(asked.secret_key.encode(), self._store.settings.secret_key.encode()):
            raise wrong_key(asked.secret_key)
        if not VERSION.fullmatch(asked.version):
            raise malformed(f"Invalid Stripe API version: {asked.version}")
        key = asked.key if asked.method == "POST" else None
        idempotency.check_key(key)
        with self._in_flight.hold(asked.account, key):
            fault = self._faults.strike(asked.method, asked.path, asked.account)
            if fault is not None:
                _before(fault)
            answer = self._once(asked, key, fault)
            return answer if fault is None else _after(fault, answer)

    def _once(self, asked: Asked, key: str | None, fault: FaultRule | None) -> Answer:
        same: Json = {"method": asked.method, "path": asked.path, "params": asked.params}
        with self._store.transaction(request_id=asked.id, key=key) as work:
            saved = idempotency.recall(work, account=asked.account, key=key, **same) if key else None
            if saved is not None:
                return _replayed(saved)
            answer = _execute(work, asked, fault)
            if key and answer.save:
                first = Saved(answer.status, answer.body, asked.id)
                idempotency.remember(work, first, account=asked.account, key=key, **same)
            return answer


def _execute(work: Work, asked: Asked, fault: FaultRule | None) -> Answer:
    kind = fault.kind if fault else None
    try:
        with savepoint(work):
            answer = _called(work, asked)
            if kind is FaultKind.SERVER_ERROR_SAVED_WITHOUT_EFFECT:
                raise _server_error(executed=True)
    except Refusal as refusal:
        answer = _refused(refusal)
    if kind is FaultKind.SERVER_ERROR_SAVED:
        return _refused(_server_error(executed=True))
    if kind is FaultKind.SERVER_ERROR_UNSAVED:
        return _refused(_server_error(executed=False))
    return answer


def _called(work: Work, asked: Asked) -> Answer:
    try:
        return Answer(200, _json(_call(work, asked)))
    except Refusal as refusal:
        if not refusal.effects_stand:
            raise
        return _refused(refusal)


def _call(work: Work, asked: Asked) -> Json:
    if asked.account:
        authorised(work, asked.account)
    route, ids = find_route(asked.method, asked.path)
    params = check(route.parameters, asked.params)
    body = route.endpoint(Call(work, asked.account, params, ids, asked.base_url))
    return expand(work, body, params.get("expand", []))


def _before(fault: FaultRule) -> None:
    if (refusal := fault.refusal()) is not None:
        raise refusal
    if fault.kind is FaultKind.DROP_BEFORE:
        raise ConnectionDropped
    if fault.kind is FaultKind.DELAY_BEFORE:
        time.sleep(fault.seconds)


def _after(fault: FaultRule, answer: Answer) -> Answer:
    if fault.kind is FaultKind.DROP_AFTER:
        raise ConnectionDropped
    if fault.kind is FaultKind.DELAY_AFTER:
        time.sleep(fault.seconds)
    if fault.kind is FaultKind.TRUNCATED_BODY:
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    if fault.kind is FaultKind.NOT_JSON:
        return replace(answer, body="<html><body>upstream</body></html>")
    return answer


def _replayed(saved: Saved) -> Answer:
    headers = {"Idempotent-Replayed": "true", "Original-Request": saved.request_id}
    return Answer(saved.status, saved.body, headers, save=False)


def _refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, _json(refusal.envelope), save=refusal.executed)


def _server_error(*, executed: bool) -> Refusal:
    return Refusal(500, "api_error", "An unknown error occurred.", executed=executed)


def _json(body: Json) -> str:
    return json.dumps(body, indent=2)
