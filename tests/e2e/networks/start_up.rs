//! At its start the operator says who it is in AWS, or how to give it credentials; its readiness does not wait for that.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction};

use crate::world::{
    ACCOUNT, Cluster, Error, Operator, REGION, Start, TIMEOUT, World, closed_address, ensure, tests,
};

tests![
    the_start_says_who_the_operator_is_in_aws,
    a_start_without_credentials_warns_and_says_what_to_do,
    readiness_does_not_wait_for_aws,
];

const ROLE: &str = "arn:aws:iam::123456789012:role/store-operator";

/// The line of the log that contains `part`.
async fn line_with(operator: &Operator, part: &str) -> Result<String, Error> {
    let end = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let log = operator.log_text();
        if let Some(line) = log.lines().find(|line| line.contains(part)) {
            return Ok(line.to_owned());
        }
        ensure!(tokio::time::Instant::now() < end, "{part} is not in the log: {log}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

async fn the_start_says_who_the_operator_is_in_aws(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let token = tempfile::NamedTempFile::new()?;
    std::fs::write(token.path(), "a-token")?;
    let environment = BTreeMap::from([
        ("AWS_ACCESS_KEY_ID", String::new()),
        ("AWS_SECRET_ACCESS_KEY", String::new()),
        ("AWS_ROLE_ARN", ROLE.to_owned()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().display().to_string()),
    ]);
    let operator = world.operator(&Start { environment, ..Start::default() })?;
    let line = line_with(&operator, "AWS identity").await?;
    let omics = world.simulator.url();
    for part in [ACCOUNT, ROLE, "WebIdentityToken", REGION, &omics] {
        ensure!(line.contains(part), "{part} is not in: {line}");
    }
    ensure!(!line.contains("assumed-role"), "the session is in: {line}");
    operator.kill().await;
    // Keys of a user, and the hosts of AWS itself.
    let environment = BTreeMap::from([("AWS_ENDPOINT_URL_OMICS", String::new())]);
    let operator = world.operator(&Start { environment, ..Start::default() })?;
    let line = line_with(&operator, "AWS identity").await?;
    for part in [ACCOUNT, "role/simulator", "control-storage-omics.us-east-1.amazonaws.com", "tags-omics"] {
        ensure!(line.contains(part), "{part} is not in: {line}");
    }
    Ok(())
}

async fn a_start_without_credentials_warns_and_says_what_to_do(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let none = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, String::new()));
    let operator = world.operator(&Start { environment: none.into(), ..Start::default() })?;
    let line = line_with(&operator, "no AWS credentials").await?;
    for part in ["WARN", "Pod Identity association", "new Pod", "eks.amazonaws.com/role-arn"] {
        ensure!(line.contains(part), "{part} is not in: {line}");
    }
    Ok(())
}

async fn readiness_does_not_wait_for_aws(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world.aws.script_fault(&Fault::always("sts:*", FaultAction::Hang)).await?;
    let health = closed_address()?.to_string();
    let operator = world.operator(&Start { health: health.clone(), ..Start::default() })?;
    world.until_answers(&health, "/readyz", "200", "").await?;
    // Nothing was answered yet; the line about the identity comes later, and says so.
    ensure!(!operator.log_text().contains("AWS identity"), "readiness waited for AWS");
    line_with(&operator, "AWS identity").await?;
    Ok(())
}
