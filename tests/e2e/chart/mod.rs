//! The chart on a real API server: a release from its installation to the next one, its rights, its admission policies.
//!
//! What is said of a release changes the whole cluster. So one control plane of its own goes through all steps, in order
//! and once; each test reports one of them.

pub mod exact;
mod life;
pub mod permissions;
mod pod;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use life::Life;
use tokio::sync::OnceCell;

use crate::world::{Cluster, Error, tests};

/// Runs all steps. It is the first of all tests, so that the others run meanwhile.
pub const FIRST: &[crate::Test] = TESTS.split_at(1).0;
/// Reports of the other steps. They are the last of all tests, because until the steps are done they only wait.
pub const LAST: &[crate::Test] = TESTS.split_at(1).1;

type Results = BTreeMap<&'static str, Result<(), String>>;
/// An error too is kept: the other tests report it, and start no further control plane.
static RESULTS: OnceCell<Result<Results, String>> = OnceCell::const_new();

/// Runs all steps, the first time, and reports one.
async fn report(cluster: Arc<Cluster>, step: &str) -> Result<(), Error> {
    let run = async || run(cluster).await.map_err(|error| error.to_string());
    let results = RESULTS.get_or_init(run).await.as_ref().map_err(String::as_str)?;
    Ok(results.get(step).cloned().ok_or("no such step")??)
}

macro_rules! steps {
    ($($test:ident => $step:path),+ $(,)?) => {
        tests![$($test),+];

        $(async fn $test(cluster: Arc<Cluster>) -> Result<(), Error> {
            report(cluster, stringify!($test)).await
        })+

        async fn run(like: Arc<Cluster>) -> Result<Results, Error> {
            let life = Life::start(&like).await?;
            let mut results = Results::new();
            $(
                // A step relies on what the one before left.
                let result = match results.values().all(Result::is_ok) {
                    true => $step(&life).await.map_err(|error| error.to_string()),
                    false => Err("not reached: an earlier step has failed".to_owned()),
                };
                results.insert(stringify!($test), result);
            )+
            Ok(results)
        }
    };
}

steps! {
    the_recipe_of_the_readme_for_a_namespace_administrator_works => steps::rights::administrator,
    a_release_of_helm_3_goes_on_with_helm_4 => steps::release::from_helm_3,
    the_roles_grant_what_the_operator_uses_and_nothing_else => steps::rights::all_namespaces,
    account_bindings_take_rights_only_where_they_are_enabled => steps::rights::account_bindings,
    an_upgrade_from_an_older_chart_works_with_its_values => steps::release::upgrade,
    a_rollback_takes_the_crd_back_and_keeps_the_objects => steps::release::rollback,
    the_api_server_refuses_to_delete_the_crd_while_the_release_is_installed => steps::removal::refused,
    two_aliases_of_the_chart_protect_the_objects_of_both_namespaces => steps::release::aliases,
    after_uninstall_the_objects_stay_and_another_release_takes_them_over => steps::release::reinstallation,
    an_object_that_is_deleted_without_an_operator_waits_and_both_ways_lead_out => steps::removal::wrong_order,
    a_crd_of_kubectl_is_taken_over => steps::release::crd_of_kubectl,
    after_the_deletion_of_the_crd_the_next_operator_keeps_protected_stores => steps::removal::crd_deleted,
}
