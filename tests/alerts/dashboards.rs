//! The dashboards over what the alerts' tests left in Prometheus: every query shows something, and every metric that a
//! dashboard or a rule names was scraped.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value;

use crate::picture::{self, Frame, Plot};
use crate::stage::Stage;
use crate::world::{Error, ensure};
use crate::{Test, rules};

pub const LAST: &[Test] = &[
    ("every_query_of_the_dashboards_returns_data", |stage| Box::pin(every_query_returns_data(stage))),
    ("every_metric_in_rules_and_dashboards_is_scraped", |stage| Box::pin(every_metric_is_scraped(stage))),
    ("the_dashboards_are_plotted", |stage| Box::pin(the_dashboards_are_plotted(stage))),
];

const FILES: [(&str, &str); 3] = [
    ("fleet", include_str!("../../charts/sequencestore-operator/files/dashboards/fleet.json")),
    ("store", include_str!("../../charts/sequencestore-operator/files/dashboards/store.json")),
    ("aws", include_str!("../../charts/sequencestore-operator/files/dashboards/aws.json")),
];

/// The panels that show something.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().into_iter().flatten().filter(|panel| panel["type"] != "row")
}

fn expressions(panel: &Value) -> impl Iterator<Item = (&str, &str)> {
    let targets = panel["targets"].as_array().into_iter().flatten();
    targets.filter_map(|target| Some((target["expr"].as_str()?, target["legendFormat"].as_str()?)))
}

/// The query as Grafana sends it, with everything chosen; `namespace` is that of the one object.
fn chosen(expression: &str, namespace: &str) -> String {
    let chosen = [("$__rate_interval", "5s"), ("$namespace", namespace), ("$name", ".+")];
    let chosen = chosen.into_iter().chain([("$job", ".+"), ("$region", ".+")]);
    chosen.fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value))
}

async fn every_query_returns_data(stage: Arc<Stage>) -> Result<(), Error> {
    let mut empty = Vec::new();
    let mut queries = 0;
    for (file, text) in FILES {
        let dashboard: Value = serde_json::from_str(text)?;
        for panel in panels(&dashboard) {
            for (expression, _) in expressions(panel) {
                // What a panel shows where there is nothing is no data.
                let query = chosen(expression, ".+").replace(" or vector(0)", "");
                ensure!(!query.contains('$'), "an unknown variable: {query}");
                queries += 1;
                if stage.prometheus.range(&query, stage.began, 1.0).await?.is_empty() {
                    empty.push(format!("{file}, {}: {query}", panel["title"]));
                }
            }
        }
    }
    ensure!(empty.is_empty() && queries > 30, "of {queries} queries these never return data: {empty:#?}");
    println!("{queries} queries of {} dashboards return data", FILES.len());
    Ok(())
}

/// The metrics that an expression names.
fn metrics(expression: &str) -> BTreeSet<String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        let prefixes = "sequencestore|controller_runtime|workqueue|rest_client|leader_election|process";
        Regex::new(&format!(r"\b({prefixes})_[a-z0-9_]+\b")).expect("a pattern")
    });
    NAME.find_iter(expression).map(|found| found.as_str().to_owned()).collect()
}

async fn every_metric_is_scraped(stage: Arc<Stage>) -> Result<(), Error> {
    let mut named = BTreeSet::new();
    for (_, text) in FILES {
        let dashboard: Value = serde_json::from_str(text)?;
        named.extend(panels(&dashboard).flat_map(expressions).flat_map(|(query, _)| metrics(query)));
    }
    named.extend(rules::all(&stage.groups).filter_map(|rule| rule["expr"].as_str()).flat_map(metrics));
    ensure!(named.len() > 20, "the metrics are not found: {named:?}");
    let mut missing = Vec::new();
    for metric in &named {
        if stage.prometheus.range(metric, stage.began, 1.0).await?.is_empty() {
            missing.push(metric);
        }
    }
    ensure!(missing.is_empty(), "no operator has these metrics: {missing:?}");
    println!("{} metrics are named, and all are scraped", named.len());
    Ok(())
}

/// From the first object to the last. The one store is shown at its end, all of them at the moment with most alerts.
async fn frame(stage: &Stage, story: Option<&String>) -> Result<Frame, Error> {
    let namespace = story.map_or(".+", String::as_str);
    let objects = format!("sum(sequencestore_object_ready{{namespace=~\"{namespace}\"}})");
    let objects = stage.prometheus.range(&objects, stage.began, 1.0).await?.pop().ok_or("no object")?.points;
    let (first, last) = (objects.first().ok_or("no object")?.0, objects.last().ok_or("no object")?.0);
    let alerts = stage.prometheus.range("count(ALERTS{alertstate=\"firing\"})", first, 1.0).await?;
    let points = alerts.into_iter().flat_map(|one| one.points);
    let worst = points.max_by(|one, other| one.1.total_cmp(&other.1)).ok_or("no alert")?.0;
    Ok(Frame { first, last, at: story.map_or(worst, |_| last) })
}

/// Where SEQSTORE_WRITE_DOCS is set, writes the pictures of docs/monitoring.md.
async fn the_dashboards_are_plotted(stage: Arc<Stage>) -> Result<(), Error> {
    for (file, text) in FILES {
        let dashboard: Value = serde_json::from_str(text)?;
        let story = stage.story.get().filter(|_| file == "store");
        let namespace = story.map_or(".+", String::as_str);
        let frame = frame(&stage, story).await?;
        let mut plots = Vec::new();
        for panel in panels(&dashboard) {
            let mut plot = Plot::of(panel);
            for (expression, legend) in expressions(panel) {
                let query = chosen(expression, namespace);
                plot.add(stage.prometheus.range(&query, stage.began, 1.0).await?, legend);
            }
            plots.push(plot);
        }
        let title = dashboard["title"].as_str().unwrap_or_default();
        let svg = picture::draw(title, &plots, &frame);
        ensure!(svg.len() < 100_000, "{file} is too large for the documentation: {} bytes", svg.len());
        if std::env::var_os("SEQSTORE_WRITE_DOCS").is_some() {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/images/dashboard-{file}.svg"));
            std::fs::write(path, svg)?;
        }
    }
    Ok(())
}
