"""An AWS account, or the simulator in its place: clients, the stores of this run, and a record of every answer."""

import json
import re
import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PREFIX = "seqstore-conformance-"
TAG = "seqstore-conformance-run"
# AWS allows one Create, Update or Delete, and one request about policies, per second; of the others five.
SLOW = ("CreateSequenceStore", "UpdateSequenceStore", "DeleteSequenceStore", "GetS3AccessPolicy", "PutS3AccessPolicy", "DeleteS3AccessPolicy")


def if_found(call, **parameters):
    """The answer of a call, or None where AWS says that there is no such resource."""
    try:
        return call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None


class Account:
    def __init__(self, region, simulator=None, bucket=None):
        self.run = uuid.uuid4().hex[:8]
        self.bucket = bucket
        self.is_real = simulator is None
        # How long a second has to be for AWS to show another time.
        self.second = 1.1 if self.is_real else 0.01
        self.patience = 300 if self.is_real else 60
        self.stores = {}
        self.answers = []
        self._last = {}
        settings = {"retries": {"mode": "standard", "total_max_attempts": 8 if self.is_real else 1}}
        session = boto3.Session(region_name=region)
        if simulator:
            session = boto3.Session("AKIACONFORMANCE00000", "secret", region_name=region)
            settings["inject_host_prefix"] = False
        config = Config(parameter_validation=False, **settings)
        self.region = session.region_name
        self.omics = session.client("omics", endpoint_url=simulator, config=config)
        identity = session.client("sts", endpoint_url=simulator).get_caller_identity()
        self.id, self.identity = identity["Account"], identity["Arn"]
        self.omics.meta.events.register("before-call.omics", self._pace)
        self.omics.meta.events.register("after-call.omics", self._note)

    def _pace(self, model, **_):
        """Keeps within half of AWS's quotas."""
        interval = (2.0 if model.name in SLOW else 0.4) if self.is_real else 0
        wait = self._last.get(model.name, 0) + interval - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        self._last[model.name] = time.monotonic()

    def _note(self, model, http_response, **_):
        content = http_response.content.decode(errors="replace")
        self.answers.append((model.name, http_response.status_code, content))

    def raw(self, operation):
        """The last answer of an operation as it came, with absent and null members told apart."""
        return next(json.loads(text) for name, status, text in reversed(self.answers) if name == operation and status == 200)

    def name(self, short):
        return f"{PREFIX}{self.run}-{short}"

    def create(self, short, **members):
        created = self.omics.create_sequence_store(name=self.name(short), tags={TAG: self.run}, **members)
        self.stores[created["id"]] = created["arn"]
        return created

    def delete(self, store):
        if_found(self.omics.delete_sequence_store, id=store)
        self.stores.pop(store, None)

    def until(self, condition, what):
        end = time.monotonic() + self.patience
        while not (found := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"{what} after {self.patience} s")
            time.sleep(2 if self.is_real else 0.02)
        return found

    def get(self, store):
        """The store, as soon as AWS shows it."""
        return self.until(lambda: self.shown(store), f"store {store} is not shown")

    def shown(self, store):
        """The store, or None where AWS shows none."""
        return if_found(self.omics.get_sequence_store, id=store)

    def until_active(self, store):
        self.until(lambda: self.get(store).get("status") == "ACTIVE", f"store {store} is not ACTIVE")

    def until_gone(self, store):
        self.until(lambda: self.shown(store) is None, f"store {store} is still there")

    def time_until(self, condition):
        """Milliseconds until a condition holds; 0 if it holds at once. An answer of not found counts as not yet."""
        start = time.monotonic()
        if if_found(condition):
            return 0
        self.until(lambda: if_found(condition), "a write does not show")
        return round((time.monotonic() - start) * 1000)

    def clean_up(self):
        """Deletes the stores of this run; returns those that it could not delete, with the reason."""
        left = {}
        for store in list(self.stores):
            try:
                self.until(lambda: self.is_deletable(store), f"store {store} is busy")
                self.delete(store)
            except (BotoCoreError, ClientError, TimeoutError) as error:
                left[store] = str(error)
        return left

    def is_deletable(self, store):
        """Whether AWS shows the store as ACTIVE or FAILED, or shows none: then Delete says what is so."""
        shown = self.shown(store)
        return shown is None or shown.get("status") in ("ACTIVE", "FAILED", None)

    def find_stores(self):
        """The stores of all runs by id, with the run and the ARN: those that have both the name and the tag of a run."""
        pages = self.omics.get_paginator("list_sequence_stores").paginate()
        for store in (store for page in pages for store in page["sequenceStores"]):
            match = re.fullmatch(PREFIX + r"([0-9a-f]{8})-.*", store.get("name") or "")
            if match:
                # A listing may show for a while what is deleted.
                shown = if_found(self.omics.list_tags_for_resource, resourceArn=store["arn"]) or {"tags": {}}
                if shown["tags"].get(TAG) == match.group(1):
                    yield store["id"], (match.group(1), store["arn"])

    def find_own_stores(self):
        """Adds the stores of this run that nobody has told of: the operator made them, or the answer to Create was lost."""
        self.stores |= {store: arn for store, (run, arn) in self.find_stores() if run == self.run}

    def redacted(self):
        """All answers, without what belongs to this account."""
        known = {}

        def stand_in(match):
            text = match.group(0)
            return known.setdefault(text, f"{1000000001 + len(known)}") if text != self.id else "111122223333"

        for operation, status, text in self.answers:
            text = re.sub(r"(?<![0-9.])[0-9]{10,36}(?![0-9.])", stand_in, text)
            text = re.sub(r"(?<=s3://)[a-z0-9-]+-s3alias", "111122223333-alias-s3alias", text)
            text = text.replace(self.run, "00000000")
            text = re.sub(r"(arn:aws:s3:[a-z0-9-]*:)[0-9]+", r"\g<1>555555555555", text)
            text = re.sub(r'("nextToken": ?)"[^"]*"', r'\1"token"', text)
            yield {"operation": operation, "status": status, "body": json.loads(text) if text else None}
