//! The alerts as the chart renders them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::world::{Cluster, Error, ensure, tests};

tests![
    the_chart_changes_and_leaves_out_single_alerts,
    the_chart_refuses_the_name_of_an_alert_that_does_not_exist,
    the_chart_makes_a_config_map_of_each_dashboard_only_where_it_is_asked_to,
];

/// The groups of the PrometheusRule that the chart renders with these values.
pub async fn rendered(cluster: &Cluster, values: &[&str]) -> Result<Value, Error> {
    let values = [&["prometheusRule.enabled=true"], values].concat();
    let text = cluster.rendered(&values).await?.checked()?.stdout;
    let document = text.split("\n---\n").find(|document| document.contains("\nkind: PrometheusRule\n"));
    let object: Value = serde_saphyr::from_str(document.ok_or("no PrometheusRule")?)?;
    Ok(object["spec"]["groups"].clone())
}

/// The rules in these groups.
pub fn all(groups: &Value) -> impl Iterator<Item = &Value> {
    groups.as_array().into_iter().flatten().flat_map(|group| group["rules"].as_array().into_iter().flatten())
}

pub fn names(groups: &Value) -> Vec<String> {
    all(groups).filter_map(|rule| rule["alert"].as_str()).map(Into::into).collect()
}

/// The file for Prometheus, with times that a test can wait for: conditions, labels and limits are those of the chart.
pub fn shortened(groups: &Value) -> Result<String, Error> {
    let long_time = regex::Regex::new(r"\[\d+[mhd]\]|\d{4}")?;
    let mut groups = groups.clone();
    for group in groups.as_array_mut().into_iter().flatten() {
        for rule in group["rules"].as_array_mut().into_iter().flatten() {
            let expression = rule["expr"].as_str().ok_or("no expression")?;
            let expression = expression.replace("[15m]", "[5s]").replace("> 3600", "> 2");
            ensure!(!long_time.is_match(&expression), "not shortened: {expression}");
            rule["expr"] = expression.into();
            if let Some(wait) = rule.get_mut("for") {
                *wait = "1s".into();
            }
        }
    }
    Ok(json!({"groups": groups}).to_string())
}

async fn the_chart_changes_and_leaves_out_single_alerts(stage: Arc<Stage>) -> Result<(), Error> {
    let groups = rendered(
        &stage.cluster,
        &[
            "prometheusRule.disabled.SequenceStoreStalled=true",
            "prometheusRule.overrides.SequenceStoreNotReady.for=30m",
            "prometheusRule.overrides.SequenceStoreNotReady.labels.severity=info",
            "prometheusRule.ruleLabels.team=genomics",
            "prometheusRule.runbookUrl=https://runbooks.example.com",
            "prometheusRule.additionalRules[0].record=a",
            "prometheusRule.additionalRules[0].expr=vector(1)",
        ],
    )
    .await?;
    let usual = names(&rendered(&stage.cluster, &[]).await?);
    let expected: Vec<_> = usual.into_iter().filter(|name| name != "SequenceStoreStalled").collect();
    ensure!(names(&groups) == expected, "{:?}", names(&groups));
    let rule = |name: &str| all(&groups).find(|rule| rule["alert"] == name).cloned().unwrap_or_default();
    let (changed, other) = (rule("SequenceStoreNotReady"), rule("SequenceStoreMissing"));
    ensure!(changed["for"] == "30m" && other["for"] == "1m", "{changed} {other}");
    ensure!(changed["labels"] == json!({"severity": "info", "team": "genomics"}), "{changed}");
    ensure!(other["labels"] == json!({"severity": "critical", "team": "genomics"}), "{other}");
    let url = "https://runbooks.example.com/SequenceStoreMissing.md";
    ensure!(other["annotations"]["runbook_url"] == url, "{other}");
    ensure!(
        other["annotations"]["description"].as_str().is_some_and(|text| text.contains("{{ $labels.name }}")),
        "{other}"
    );
    ensure!(all(&groups).any(|rule| rule["record"] == "a"), "{groups}");
    Ok(())
}

async fn the_chart_refuses_the_name_of_an_alert_that_does_not_exist(stage: Arc<Stage>) -> Result<(), Error> {
    for wrong in ["disabled.SequenceStoreMising=true", "overrides.SequenceStoreMising.for=1m"] {
        let wrong = format!("prometheusRule.{wrong}");
        let output = stage.cluster.rendered(&["prometheusRule.enabled=true", &wrong]).await?;
        ensure!(!output.success(), "{wrong} is accepted");
        ensure!(
            output.stderr.contains("SequenceStoreMising") && output.stderr.contains("SequenceStoreMissing"),
            "{output:?}"
        );
    }
    Ok(())
}

async fn the_chart_makes_a_config_map_of_each_dashboard_only_where_it_is_asked_to(
    stage: Arc<Stage>,
) -> Result<(), Error> {
    // Null as well as absent: values of an older release have no such block.
    for values in [&[][..], &["dashboards=null", "prometheusRule=null"]] {
        let text = stage.cluster.rendered(values).await?.checked()?.stdout;
        ensure!(!text.contains("kind: ConfigMap") && !text.contains("kind: PrometheusRule"), "{text}");
    }
    let values = ["dashboards.enabled=true", "dashboards.namespace=monitoring", "dashboards.labels=null"];
    let text = stage.cluster.rendered(&values).await?.checked()?.stdout;
    let mut found = Vec::new();
    for document in text.split("\n---\n").filter(|document| document.contains("\nkind: ConfigMap\n")) {
        let object: Value = serde_saphyr::from_str(document)?;
        ensure!(object["metadata"]["namespace"] == "monitoring", "{object}");
        for (file, dashboard) in object["data"].as_object().into_iter().flatten() {
            let dashboard: Value = serde_json::from_str(dashboard.as_str().unwrap_or_default())?;
            ensure!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 5), "{file}");
            found.push(file.clone());
        }
    }
    found.sort();
    let expected = ["sequencestore-aws.json", "sequencestore-fleet.json", "sequencestore-store.json"];
    ensure!(found == expected, "{found:?}");
    Ok(())
}
