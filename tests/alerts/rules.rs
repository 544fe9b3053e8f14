//! The alerts as the chart renders them.

use serde_json::{Value, json};

use crate::world::{Cluster, Error, ensure};

/// The groups of the PrometheusRule that the chart renders.
pub async fn rendered(cluster: &Cluster) -> Result<Value, Error> {
    let text = cluster.rendered(&["prometheusRule.enabled=true"]).await?.checked()?.stdout;
    let document = text.split("\n---\n").find(|document| document.contains("\nkind: PrometheusRule\n"));
    let object: Value = serde_saphyr::from_str(document.ok_or("no PrometheusRule")?)?;
    Ok(object["spec"]["groups"].clone())
}

/// The rules in these groups.
pub fn all(groups: &Value) -> impl Iterator<Item = &Value> {
    groups.as_array().into_iter().flatten().flat_map(|group| group["rules"].as_array().into_iter().flatten())
}

pub fn names(groups: &Value) -> Vec<&str> {
    all(groups).filter_map(|rule| rule["alert"].as_str()).collect()
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
