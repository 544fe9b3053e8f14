//! Judges by the simulator's ledger which credentials signed each call.

use std::collections::BTreeSet;

use healthomics_simulator::LedgerEntry;

use super::sources::{ROLE, SESSION};
use crate::world::{Error, TIMEOUT, World, ensure};

/// The calls that are signed, in order.
pub async fn signed(world: &World) -> Result<Vec<LedgerEntry>, Error> {
    let ledger = world.aws.ledger().await?.into_iter();
    Ok(ledger.filter(|call| call.operation != "sts:AssumeRoleWithWebIdentity").collect())
}

/// Fails unless each call but those with which roles are assumed was signed by a session of this role, at least one.
pub async fn ensure_signed_by(world: &World, role: &str, session: &str) -> Result<(), Error> {
    let calls = signed(world).await?;
    let calls: Vec<_> = calls.iter().filter(|call| call.operation != "sts:AssumeRole").collect();
    ensure!(calls.iter().any(|call| call.is_about_stores()), "no call about a store");
    for call in calls {
        let found = (call.role_arn.as_deref(), call.session_name.as_deref());
        ensure!(found == (Some(role), Some(session)), "{} is signed by {found:?}", call.operation);
    }
    Ok(())
}

pub async fn ensure_signed_by_the_source(world: &World) -> Result<(), Error> {
    ensure_signed_by(world, ROLE, SESSION).await
}

/// No call was refused for its credentials.
pub async fn ensure_never_refused(world: &World) -> Result<(), Error> {
    let refused = world.aws.ledger().await?.into_iter().find(|call| call.status == 403);
    ensure!(refused.is_none(), "{refused:?}");
    Ok(())
}

/// Waits until calls about stores were signed with at least so many access keys; these in order of their first use.
pub async fn until_keys(world: &World, at_least: usize) -> Result<Vec<String>, Error> {
    let end = tokio::time::Instant::now() + TIMEOUT;
    loop {
        let (mut keys, mut seen) = (Vec::new(), BTreeSet::new());
        let calls = signed(world).await?.into_iter().filter(LedgerEntry::is_about_stores);
        for key in calls.filter_map(|call| call.access_key_id) {
            if seen.insert(key.clone()) {
                keys.push(key);
            }
        }
        if keys.len() >= at_least {
            return Ok(keys);
        }
        ensure!(tokio::time::Instant::now() < end, "only the keys {keys:?}\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The same, while the object is asked for a pass each second: nothing else would wake one that waits after a denial.
pub async fn until_keys_when_asked(world: &World, name: &str, at_least: usize) -> Result<Vec<String>, Error> {
    let asking = async {
        loop {
            world.reconcile_now(name).await?;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        keys = until_keys(world, at_least) => keys,
        failed = asking => failed,
    }
}

/// Exactly one store was ever made.
pub async fn ensure_one_store(world: &World) -> Result<(), Error> {
    let made = world.aws.all_stores().await?;
    ensure!(made.len() == 1 && !made[0].deleted, "{} stores: {made:?}", made.len());
    Ok(())
}

/// Asks for a pass again and again until the object is well: nothing else would wake an object that waits after a denial.
pub async fn until_ready_when_asked(world: &World, name: &str) -> Result<(), Error> {
    let end = tokio::time::Instant::now() + TIMEOUT;
    loop {
        world.reconcile_now(name).await?;
        let object = world.api.get(name).await?;
        let ready = crate::world::condition(&object, "Ready");
        if ready.is_some_and(|ready| ready.status == "True") {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < end, "never well: {ready:?}\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}
