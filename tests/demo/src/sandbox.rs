//! The sandbox: prints commands with which the user can try the running operator.

use crate::Error;
use crate::stack::REGION;
use crate::steps::{GENOMES, GENOMES_MANIFEST, seed};
use crate::tour::Tour;

/// Creates two stores and prints commands to try. Everything else is printed as comments, so that the user can paste
/// any part of the text into a shell.
pub async fn show(tour: &Tour<'_>) -> Result<(), Error> {
    seed(tour, "ACTIVE").await?;
    let manifest = tour.stack.write("genomes.yaml", GENOMES_MANIFEST)?;
    let simulator = tour.stack.simulator.url();
    let stores = format!("{simulator}/_simulator/stores");
    let cache = tour.stack.environment().into_iter().find(|(name, _)| *name == "KUBECACHEDIR");
    let cache = cache.map(|(_, value)| value.to_string_lossy().into_owned()).unwrap_or_default();
    tour.screen.line(&format!(
        r#"
# A Kubernetes API server, a simulated AWS and the operator are running. In another terminal:

# kubectl and helm
export KUBECONFIG={kubeconfig}
export KUBECACHEDIR={cache}
export PATH="{tools}:$PATH"

# 1. Adopt a store that already exists in AWS
cat {manifest}
kubectl apply -f {manifest}
kubectl wait seqstore/genomes --for=condition=Ready
kubectl get seqstore genomes -o wide

# 2. Change the store directly in AWS, and see the operator update the status
curl -sSw '\n' -X PATCH {stores}/{GENOMES} -d '{{"description": "changed in AWS"}}'
kubectl wait seqstore/genomes --for=jsonpath='{{.status.store.description}}'='changed in AWS'

# 3. Delete the object: read sets block the deletion; the operator deletes the store when they are gone
curl -sSw '\n' -X POST {stores}/{GENOMES}/read-sets -d '{{"count": 3}}'
kubectl delete seqstore genomes --wait=false
kubectl wait seqstore/genomes --for=jsonpath='{{.status.deletionBlockedBy[0].reason}}'=ReadSets
kubectl describe seqstore genomes
curl -sSw '\n' -X DELETE {stores}/{GENOMES}/read-sets
kubectl wait seqstore/genomes --for=delete --timeout=60s
curl -sSw '\n' {stores}

# AWS, with the AWS CLI; the simulator accepts any credentials
export AWS_ENDPOINT_URL_OMICS={simulator} AWS_DISABLE_HOST_PREFIX_INJECTION=true
export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}
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
    ));
    Ok(())
}
