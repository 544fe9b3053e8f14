//! The endpoint itself: promtool reads it, every metric is documented, and it can be turned off.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;

use sequencestore_operator::crd::SequenceStoreSpec;
use tokio::process::Command;

use super::page::Measured;
use crate::cli_runner::run_to_end;
use crate::process::get;
use crate::world::{Cluster, Error, SYSTEM_NAMESPACE, World, closed_address, ensure, tests};

#[path = "../../metrics-lint/lint.rs"]
mod lint;

tests![
    promtool_finds_the_page_clean_and_every_metric_is_documented,
    an_address_that_is_taken_is_one_clear_line_that_names_the_flag,
    nothing_is_served_where_metrics_are_off,
    the_chart_serves_metrics_unless_they_are_turned_off,
];

async fn promtool_finds_the_page_clean_and_every_metric_is_documented(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let measured = Measured::start(&world, &[])?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let spec = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("lost", spec).await?;
    world.until_ready("a").await?;
    world.until_condition("lost", "Stalled", "True", "StoreNotFound").await?;
    let page = measured.page().await?;
    let text = page.text.clone();
    let series = tokio::task::spawn_blocking(move || lint::check(&text)).await??;
    ensure!(series > 50, "only {series} series: {}", page.text);
    let documented = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md"));
    for line in page.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').ok_or("no type")?;
        ensure!(documented.contains(&format!("| `{name}` | {kind} |")), "{name} is not in docs/metrics.md");
    }
    ensure!(page.sum("process_resident_memory_bytes", &[]) > 1_000_000, "{}", page.text);
    ensure!(page.sum("process_open_fds", &[]) >= 3, "{}", page.text);
    let info = [("version", env!("CARGO_PKG_VERSION"))];
    ensure!(page.sum("sequencestore_build_info", &info) == 1, "{}", page.text);
    Ok(())
}

async fn an_address_that_is_taken_is_one_clear_line_that_names_the_flag(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("--metrics-bind-address={}", taken.local_addr()?);
    let mut command = Command::new(&cluster.binary);
    let health = "--health-probe-bind-address=127.0.0.1:0";
    command.args(["run", "--log-level=error", health, &address]).env_clear();
    command.env("KUBECONFIG", &cluster.kubeconfig);
    let output = run_to_end(&mut command, "").await?;
    output.ensure_mistake(&format!("cannot listen on {}", taken.local_addr()?))?;
    ensure!(output.stderr.contains("--metrics-bind-address"), "{output:?}");
    Ok(())
}

async fn nothing_is_served_where_metrics_are_off(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let health = closed_address()?.to_string();
    for off in ["off", "0"] {
        let environment = BTreeMap::from([("SEQSTORE_METRICS_BIND_ADDRESS", off.to_owned())]);
        let start = crate::world::Start { environment, health: health.clone(), ..Default::default() };
        let operator = world.operator(&start)?;
        let name = format!("a-{off}");
        world.adopt(&name, &world.seed().await?).await?;
        world.until_ready(&name).await?;
        let page = get(&health, "/metrics").await.ok_or("no health server")?;
        ensure!(page.starts_with("HTTP/1.1 404"), "the health port has no metrics: {page}");
        operator.terminate().await?;
    }
    Ok(())
}

async fn the_chart_serves_metrics_unless_they_are_turned_off(cluster: Arc<Cluster>) -> Result<(), Error> {
    let rendered = async |values: &[&str]| -> Result<String, Error> {
        Ok(cluster.rendered(values).await?.checked()?.stdout)
    };
    let on = rendered(&["metrics.port=9090"]).await?;
    ensure!(on.contains("--metrics-bind-address=:9090") && on.contains("containerPort: 9090"), "{on}");
    ensure!(on.contains("kind: Service\n") && on.contains("a-sequencestore-operator-metrics"), "{on}");
    ensure!(!on.contains("--metrics-per-object"), "{on}");
    let few = rendered(&["metrics.perObject=false"]).await?;
    ensure!(few.contains("--metrics-per-object=false"), "{few}");
    let off = rendered(&["metrics.enabled=false"]).await?;
    ensure!(off.contains("--metrics-bind-address=off") && !off.contains("kind: Service\n"), "{off}");
    // The Service of the installed chart is accepted by a real API server.
    let service = ["get", "service", "sequencestore-operator-metrics", "--namespace", SYSTEM_NAMESPACE];
    cluster.plane.kubectl(&service).await?.checked()?;
    Ok(())
}
