"""The life of a store with the operator: a local control plane, the operator as its own process, and AWS or the simulator.

Each scenario states what has to be true in AWS and in Kubernetes, and waits for it.
"""

import json
import os
import pathlib
import signal
import subprocess
import tempfile

from account import TAG

OWNER = "healthomics.dev/uid"


class Cluster:
    """A control plane of this machine with the operator's CRD. Needs the programs of a build in one folder."""

    def __init__(self, account, simulator):
        folder = pathlib.Path(os.environ["HEALTHOMICS_SIMULATOR"]).parent
        self.account, self.simulator = account, simulator
        self.program = folder / "sequencestore-operator"
        plane = folder / "control-plane"
        found = subprocess.run([plane, "binaries"], capture_output=True, text=True, check=True).stdout.strip()
        self.plane = subprocess.Popen([plane, "run"], stdout=subprocess.PIPE, text=True)
        settings = {}
        for line in self.plane.stdout:
            if line.startswith("export KUBECONFIG="):
                settings["KUBECONFIG"] = line.split("=", 1)[1].strip().strip("'\"")
                break
        path = os.pathsep.join([found, os.environ.get("PATH", "")])
        self.environment = {**os.environ, **settings, "PATH": path}
        self.directory = tempfile.TemporaryDirectory()
        self.operator = None
        crd = subprocess.run([self.program, "crd"], capture_output=True, text=True, check=True).stdout
        self.kubectl("apply", "--server-side", "-f", "-", text=crd)
        self.kubectl("wait", "--for=condition=Established", "crd/sequencestores.healthomics.dev", "--timeout=60s")

    def start_operator(self):
        environment = dict(self.environment)
        if self.simulator:
            environment |= {
                "AWS_ENDPOINT_URL_OMICS": self.simulator, "AWS_ENDPOINT_URL_STS": self.simulator,
                "AWS_ACCESS_KEY_ID": "AKIACONFORMANCE00000", "AWS_SECRET_ACCESS_KEY": "secret",
            }
        flags = [f"--region={self.account.region}", "--cluster-name=aws-conformance", "--metrics-bind-address=off"]
        # The time after which the operator believes that a write shows. Real AWS gets the default, which is a minute.
        flags += ["--create-grace=2s"] if self.simulator else []
        flags += ["--health-probe-bind-address=127.0.0.1:0", "--poll-interval=30s"]
        log = open(pathlib.Path(self.directory.name) / "operator.log", "a")
        self.operator = subprocess.Popen([self.program, "run", *flags], env=environment, stdout=log, stderr=log)

    def kill_operator(self):
        self.operator.send_signal(signal.SIGKILL)
        self.operator.wait()

    def kubectl(self, *arguments, text=None):
        done = subprocess.run(["kubectl", *arguments], env=self.environment, input=text, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, object_name, **spec):
        metadata = {"name": object_name}
        spec = {"region": self.account.region, **spec}
        manifest = {"apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore", "metadata": metadata, "spec": spec}
        self.kubectl("apply", "-f", "-", text=json.dumps(manifest))

    def patch(self, object_name, **spec):
        self.kubectl("patch", "seqstore", object_name, "--type=merge", "-p", json.dumps({"spec": spec}))

    def until_ready(self, name):
        self.kubectl("wait", f"seqstore/{name}", "--for=condition=Ready", "--for=condition=Synced", "--timeout=5m")
        return json.loads(self.kubectl("get", "seqstore", name, "-o", "json"))

    def stop(self):
        if self.operator and self.operator.poll() is None:
            self.operator.terminate()
            self.operator.wait()
        self.plane.terminate()
        self.plane.wait()
        self.directory.cleanup()


def run(account, simulator):
    """The scenarios with what runs them. Their stores have name and tag of the run, for whoever cleans up."""
    cluster = Cluster(account, simulator)
    try:
        cluster.start_operator()
        for scenario in SCENARIOS:
            yield scenario, lambda: scenario(cluster, account)
    finally:
        cluster.stop()


def tags_of(account, arn):
    return account.omics.list_tags_for_resource(resourceArn=arn)["tags"]


def shows(account, store, member, value):
    account.until(lambda: account.omics.get_sequence_store(id=store).get(member) == value, f"{member} is not {value!r}")


def life(cluster, account):
    """A store is created, edited, corrected, kept under Retain, found again, and deleted."""
    name = account.name("life")
    spec = {"name": name, "description": "first", "tags": {TAG: account.run}}
    cluster.apply("life", **spec)
    made = cluster.until_ready("life")
    store, arn = made["status"]["store"]["id"], made["status"]["store"]["arn"]
    assert tags_of(account, arn)[OWNER] == made["metadata"]["uid"], "the store does not carry the uid of its object"

    cluster.patch("life", description="edited")
    shows(account, store, "description", "edited")
    account.omics.update_sequence_store(id=store, description="somebody else")
    cluster.kubectl("annotate", "seqstore", "life", f"healthomics.dev/reconcile-requested-at={account.run}")
    shows(account, store, "description", "edited")

    cluster.patch("life", deletionPolicy="Retain")
    cluster.kubectl("delete", "seqstore", "life", "--timeout=2m")
    shows(account, store, "description", "edited")
    cluster.apply("life", **{**spec, "description": "edited"})
    assert cluster.until_ready("life")["status"]["store"]["id"] == store, "another store came of the same manifest"

    cluster.kubectl("delete", "seqstore", "life", "--timeout=5m")
    account.until_gone(store)


def adoption(cluster, account):
    """A store that exists is only looked at under Observe, adopted under Manage, and stays under Retain."""
    store = account.create("adopt", description="mine")
    account.until_active(store["id"])
    cluster.apply("adopt", sequenceStoreId=store["id"], managementPolicy="Observe")
    cluster.until_ready("adopt")
    assert OWNER not in tags_of(account, store["arn"]), "Observe wrote tags"
    cluster.patch("adopt", managementPolicy="Manage", deletionPolicy="Retain")
    account.until(lambda: OWNER in tags_of(account, store["arn"]), "the store has no owner tag")
    cluster.until_ready("adopt")
    cluster.kubectl("delete", "seqstore", "adopt", "--timeout=2m")
    shows(account, store["id"], "description", "mine")


def crash(cluster, account):
    """The operator is killed while it creates a store, and starts again: there is one store."""
    name = account.name("crash")
    cluster.apply("crash", name=name, tags={TAG: account.run})
    intent = "jsonpath={.metadata.annotations.healthomics\\.dev/create-intent}"
    account.until(lambda: cluster.kubectl("get", "seqstore", "crash", "-o", intent), "no creation is recorded")
    cluster.kill_operator()
    cluster.start_operator()
    store = cluster.until_ready("crash")["status"]["store"]
    pages = account.omics.get_paginator("list_sequence_stores").paginate(filter={"name": name})
    stores = [found["id"] for page in pages for found in page["sequenceStores"] if found["name"] == name]
    assert stores == [store["id"]], f"stores of this name: {stores}"
    cluster.kubectl("delete", "seqstore", "crash", "--timeout=5m")
    assert account.shown(store["id"]) is None, "the object is gone and the store is not"


SCENARIOS = [life, adoption, crash]
