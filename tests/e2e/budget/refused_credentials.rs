//! AWS does not accept the operator's credentials any more.

use std::sync::Arc;

use crate::world::{ACCOUNT, Cluster, Error, Start, World, ensure, observing, tests};

tests![expired_credentials_cost_few_requests_and_everything_goes_on_once_they_are_valid,];

const OBJECTS: usize = 40;

async fn expired_credentials_cost_few_requests_and_everything_goes_on_once_they_are_valid(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let start = Start::default();
    let flags = ["--poll-interval=10s", "--concurrency=4"].map(String::from).to_vec();
    let _operator = world.operator(&Start { flags, ..start.clone() })?;
    for number in 0..OBJECTS {
        let store = world.seed().await?;
        let observed = observing(&store);
        world.create(&format!("a-{number}"), observed).await?;
    }
    for number in 0..OBJECTS {
        world.until_ready(&format!("a-{number}")).await?;
    }
    world.aws.expire_key(start.access_key).await?;
    for number in 0..OBJECTS {
        world.until_condition(&format!("a-{number}"), "Ready", "False", "AccessDenied").await?;
    }
    let refused = world.aws.ledger().await?.into_iter().filter(|call| call.status == 403).count();
    // One for each object without a breaker.
    ensure!(refused < OBJECTS / 2, "{refused} requests with expired credentials for {OBJECTS} objects");

    world.aws.set_account(start.access_key, ACCOUNT).await?;
    for number in 0..3 {
        world.reconcile_now(&format!("a-{number}")).await?;
        world.until_ready(&format!("a-{number}")).await?;
    }
    Ok(())
}
