//! The parts left running for a person: what to type, as text that a shell accepts.

use crate::Error;
use crate::parts::REGION;
use crate::steps::{GENOMES, GENOMES_MANIFEST, seed};
use crate::tour::Tour;

/// Puts the scene up and prints how to use it. Everything but commands is a comment, so that any part of it can be
/// pasted into a shell.
pub async fn show(tour: &Tour<'_>) -> Result<(), Error> {
    seed(tour, "ACTIVE").await?;
    let manifest = tour.parts.write("genomes.yaml", GENOMES_MANIFEST)?;
    let simulator = tour.parts.simulator.url();
    let stores = format!("{simulator}/_simulator/stores");
    let cache = tour.parts.environment().into_iter().find(|(name, _)| *name == "KUBECACHEDIR");
    let cache = cache.map(|(_, value)| value.to_string_lossy().into_owned()).unwrap_or_default();
    tour.screen.line(&format!(
        r#"
# A Kubernetes API server, a simulated AWS and the operator are running. In another terminal:

# kubectl and helm
export KUBECONFIG={kubeconfig}
export KUBECACHEDIR={cache}
export PATH="{tools}:$PATH"

# 1. Adopt a store that is in AWS already
cat {manifest}
kubectl apply -f {manifest}
kubectl wait seqstore/genomes --for=condition=Ready
kubectl get seqstore genomes -o wide

# 2. Change the store behind Kubernetes' back, and see the status follow
curl -sSw '\n' -X PATCH {stores}/{GENOMES} -d '{{"description": "changed in AWS"}}'
kubectl wait seqstore/genomes --for=jsonpath='{{.status.store.description}}'='changed in AWS'

# 3. Delete the object: read sets hold the deletion up, and when they are gone the store goes
curl -sSw '\n' -X POST {stores}/{GENOMES}/read-sets -d '{{"count": 3}}'
kubectl delete seqstore genomes --wait=false
kubectl wait seqstore/genomes --for=jsonpath='{{.status.deletionBlockedBy[0].reason}}'=ReadSets
kubectl describe seqstore genomes
curl -sSw '\n' -X DELETE {stores}/{GENOMES}/read-sets
kubectl wait seqstore/genomes --for=delete --timeout=60s
curl -sSw '\n' {stores}

# AWS, with the AWS CLI; any credentials will do
export AWS_ENDPOINT_URL_OMICS={simulator} AWS_DISABLE_HOST_PREFIX_INJECTION=true
export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}
aws omics list-sequence-stores

# A new store to adopt
curl -sSw '\n' -X POST {stores} -d '{{"name": "another"}}'

# Every request that reached AWS:  curl -sS {simulator}/_simulator/ledger
# The operator's log:              {log}
# Ctrl-C here stops everything and removes it."#,
        kubeconfig = tour.parts.plane.kubeconfig().display(),
        tools = tour.parts.tools(),
        manifest = manifest.display(),
        log = tour.parts.operator.log().display(),
    ));
    Ok(())
}
