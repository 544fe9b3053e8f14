//! The sandbox: prints commands with which the user can try the running operator.

use tokio::signal::unix::Signal;

use crate::Error;
use crate::stack::REGION;
use crate::steps::{GENOMES, seed};
use crate::tour::Tour;

/// Not `genomes`, so that the examples in README.md work beside it.
const MANIFEST: &str = "\
apiVersion: healthomics.dev/v1alpha1
kind: SequenceStore
metadata:
  name: sandbox
spec:
  sequenceStoreId: \"3936421177\"
  region: us-east-1
";

/// Stops the operator on the first signal and starts it again on the second, as often as the user likes.
pub async fn obey(tour: &Tour<'_>, mut stop: Signal, mut start: Signal) -> Result<(), Error> {
    loop {
        tokio::select! {
            _ = stop.recv() => {
                tokio::task::block_in_place(|| tour.stack.operator.stop());
                tour.screen.line("# The operator has stopped.");
            }
            _ = start.recv() => {
                tour.stack.operator.start_again()?;
                tour.screen.line("# The operator is running again.");
            }
        }
    }
}

/// Creates two stores and prints commands to try. Everything else is printed as comments, so that the user can paste
/// any part of the text into a shell.
pub async fn show(tour: &Tour<'_>) -> Result<(), Error> {
    seed(tour, "ACTIVE").await?;
    let manifest = tour.stack.write("sandbox.yaml", MANIFEST)?;
    let simulator = tour.stack.simulator.url();
    let stores = format!("{simulator}/_simulator/stores");
    let cache = tour.stack.environment().into_iter().find(|(name, _)| *name == "KUBECACHEDIR");
    let cache = cache.map(|(_, value)| value.to_string_lossy().into_owned()).unwrap_or_default();
    tour.screen.line(&format!(
        r#"
# A Kubernetes API server, a simulated AWS and the operator are running. In another terminal:

# kubectl, its plugin `kubectl seqstore`, and helm; the simulated AWS accepts any credentials
export KUBECONFIG={kubeconfig}
export KUBECACHEDIR={cache}
export PATH="{tools}:$PATH"
export AWS_ENDPOINT_URL_OMICS={simulator} AWS_ENDPOINT_URL_STS={simulator}
export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}
unset AWS_PROFILE AWS_SESSION_TOKEN

# 1. Adopt a store that already exists in AWS
cat {manifest}
kubectl seqstore plan -f {manifest}
kubectl apply -f {manifest}
kubectl wait seqstore/sandbox --for=condition=Ready
kubectl get seqstore sandbox -o wide

# 2. Change the store directly in AWS, and see the operator update the status
curl -sSw '\n' -X PATCH {stores}/{GENOMES} -d '{{"description": "changed in AWS"}}'
kubectl wait seqstore/sandbox --for=jsonpath='{{.status.store.description}}'='changed in AWS'

# 3. Stop the operator, edit the object, and see the operator catch up when it is started again
kill -USR1 {pid}
kubectl patch seqstore sandbox --type=merge -p '{{"spec":{{"description":"edited without an operator"}}}}'
kill -USR2 {pid}
kubectl wait seqstore/sandbox --for=jsonpath='{{.status.store.description}}'='edited without an operator'

# 4. Delete the object: read sets block the deletion; the operator deletes the store when they are gone
curl -sSw '\n' -X POST {stores}/{GENOMES}/read-sets -d '{{"count": 3}}'
kubectl delete seqstore sandbox --wait=false
kubectl wait seqstore/sandbox --for=jsonpath='{{.status.deletionBlockedBy[0].reason}}'=ReadSets
kubectl describe seqstore sandbox
curl -sSw '\n' -X DELETE {stores}/{GENOMES}/read-sets
kubectl wait seqstore/sandbox --for=delete --timeout=60s
curl -sSw '\n' {stores}

# AWS, with the AWS CLI
export AWS_DISABLE_HOST_PREFIX_INJECTION=true
aws omics list-sequence-stores

# A new store, which you can adopt
curl -sSw '\n' -X POST {stores} -d '{{"name": "another"}}'

# All requests to AWS so far:      curl -sS {simulator}/_simulator/ledger
# The operator's log:              {log}
# Ctrl-C here stops everything and removes it."#,
        kubeconfig = tour.stack.plane.kubeconfig().display(),
        tools = tour.stack.tools(),
        manifest = manifest.display(),
        log = tour.stack.operator.log().display(),
        pid = std::process::id(),
    ));
    Ok(())
}
