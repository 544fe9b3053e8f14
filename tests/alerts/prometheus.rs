//! A real Prometheus on loopback, and what its HTTP API answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::world::{Error, TIMEOUT, closed_address, ensure};

/// Stops Prometheus when this process ends, however it ends.
const GUARDIAN: &str = include_str!("../demo/src/guardian.sh");
const POLL: Duration = Duration::from_millis(200);

pub struct Prometheus {
    address: String,
    /// Each file has one target.
    targets: PathBuf,
    /// Prometheus ends when the pipe to its guardian closes.
    _guardian: Child,
}

/// A series and its points: seconds and values.
#[derive(Debug)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// Scrapes and evaluates every second. `directory` is removed by whoever made it.
    pub async fn start(directory: &Path, rules: &str) -> Result<Self, Error> {
        let programs = tokio::task::spawn_blocking(control_plane::prometheus_binaries).await??;
        let targets = directory.join("targets");
        std::fs::create_dir_all(&targets)?;
        std::fs::write(directory.join("rules.yaml"), rules)?;
        let found = json!({"files": [targets.join("*.json")], "refresh_interval": "1s"});
        let configuration = json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [directory.join("rules.yaml")],
            "scrape_configs": [{"job_name": "operators", "honor_labels": true, "file_sd_configs": [found]}],
        });
        let file = directory.join("prometheus.yaml");
        std::fs::write(&file, configuration.to_string())?;
        let address = closed_address()?.to_string();
        let guardian = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .args([&directory.join("prometheus.log"), &programs.prometheus])
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::piped())
            .spawn()?;
        let prometheus = Self { address, targets, _guardian: guardian };
        let end = tokio::time::Instant::now() + TIMEOUT;
        while prometheus.get("/-/ready").await.is_err() {
            let log = || std::fs::read_to_string(directory.join("prometheus.log"));
            ensure!(tokio::time::Instant::now() < end, "Prometheus is not ready: {:?}", log());
            tokio::time::sleep(POLL).await;
        }
        Ok(prometheus)
    }

    /// Scrapes this address under this job.
    pub fn scrape(&self, job: &str, address: &str) -> Result<(), Error> {
        let target = json!([{"targets": [address], "labels": {"job": job}}]).to_string();
        // Never half a file.
        let unfinished = self.targets.join(format!("{job}.unfinished"));
        std::fs::write(&unfinished, target)?;
        Ok(std::fs::rename(unfinished, self.targets.join(format!("{job}.json")))?)
    }

    /// Alerts of this name that fire and have these labels.
    pub async fn firing(&self, alert: &str, labels: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        Ok(self.alerts(alert, labels).await?.into_iter().filter(|alert| alert["state"] == "firing").collect())
    }

    /// The same for those that wait for the end of their `for` too.
    pub async fn alerts(&self, alert: &str, labels: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
        let answer = self.data("/api/v1/alerts").await?;
        let alerts = answer["alerts"].as_array().ok_or("no alerts")?.iter();
        let has = |found: &Value, name: &str, value: &str| found["labels"][name] == value;
        let wanted = alerts.filter(|found| {
            (alert.is_empty() || has(found, "alertname", alert))
                && labels.iter().all(|(name, value)| has(found, name, value))
        });
        Ok(wanted.cloned().collect())
    }

    /// What the query shows now.
    pub async fn query(&self, query: &str) -> Result<Vec<Series>, Error> {
        let answer = self.data(&format!("/api/v1/query?query={}", encoded(query))).await?;
        series(&answer, |one| Some(vec![point(&one["value"])?]))
    }

    /// What the query showed from `since`, in seconds since 1970, until now.
    pub async fn range(&self, query: &str, since: f64, step: f64) -> Result<Vec<Series>, Error> {
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        let query = encoded(query);
        let path = format!("/api/v1/query_range?query={query}&start={since}&end={now}&step={step}");
        series(&self.data(&path).await?, |one| one["values"].as_array()?.iter().map(point).collect())
    }

    /// Waits until the query shows something.
    pub async fn until_shown(&self, query: &str) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        while self.query(query).await?.is_empty() {
            ensure!(tokio::time::Instant::now() < end, "{query} never shows anything");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn data(&self, path: &str) -> Result<Value, Error> {
        let answer: Value = serde_json::from_str(&self.get(path).await?)?;
        ensure!(answer["status"] == "success", "{path}: {answer}");
        Ok(answer["data"].clone())
    }

    /// HTTP 1.0, whose answers come in one piece.
    async fn get(&self, path: &str) -> Result<String, Error> {
        let mut stream = tokio::net::TcpStream::connect(&self.address).await?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: prometheus\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        // A query that is wrong is answered with 400 and its mistake in JSON.
        ensure!(head.contains(" 200 ") || body.starts_with('{'), "{path}: {answer}");
        Ok(body.to_owned())
    }
}

fn encoded(query: &str) -> String {
    utf8_percent_encode(query, NON_ALPHANUMERIC).to_string()
}

fn series(data: &Value, points: impl Fn(&Value) -> Option<Vec<(f64, f64)>>) -> Result<Vec<Series>, Error> {
    let mut all = Vec::new();
    for one in data["result"].as_array().ok_or("no result")? {
        let labels = serde_json::from_value(one["metric"].clone())?;
        let points = points(one).ok_or("a point is no number")?;
        let points = points.into_iter().filter(|(_, value)| value.is_finite()).collect::<Vec<_>>();
        if !points.is_empty() {
            all.push(Series { labels, points });
        }
    }
    Ok(all)
}

fn point(pair: &Value) -> Option<(f64, f64)> {
    Some((pair[0].as_f64()?, pair[1].as_str()?.parse().ok()?))
}
