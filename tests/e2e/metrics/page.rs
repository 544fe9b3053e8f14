//! An operator that serves metrics, and its page as Prometheus would read it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::process::get;
use crate::world::{Error, Operator, Start, TIMEOUT, World, closed_address, ensure};

/// The samples of a page.
#[derive(Debug)]
pub struct Page {
    pub text: String,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Page {
    fn parse(text: String) -> Result<Self, Error> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let samples = lines.map(sample).collect::<Option<_>>().ok_or("a line is no sample")?;
        Ok(Self { text, samples })
    }

    /// The sum of the samples that have these labels, all whole numbers; 0 without any.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.matching(name, labels).map(|sample| sample.value as u64).sum()
    }

    /// How many samples have these labels.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> usize {
        self.matching(name, labels).count()
    }

    /// The sums by the values of a label.
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for sample in self.matching(name, &[]) {
            let value = sample.labels.get(label).cloned().unwrap_or_default();
            *sums.entry(value).or_default() += sample.value as u64;
        }
        sums
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            let has =
                |(name, value): &(&str, &str)| sample.labels.get(*name).is_some_and(|found| found == value);
            sample.name == name && labels.iter().all(has)
        })
    }
}

/// `name{label="value",…} 1`; no label of these tests holds a quote or a comma.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}')?.split(',').filter(|label| !label.is_empty());
    let labels = labels.map(|label| {
        let (name, value) = label.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    });
    Some(Sample { name: name.into(), labels: labels.collect::<Option<_>>()?, value: value.parse().ok()? })
}

/// An operator with metrics.
pub struct Measured {
    pub address: String,
    /// Ends with this.
    operator: Operator,
}

impl Measured {
    /// The operator polls so rarely that nothing moves unless the test moves it.
    pub fn start(world: &World, flags: &[&str]) -> Result<Self, Error> {
        let flags = [&["--poll-interval=1h", "--create-grace=2s"], flags].concat();
        let flags = flags.into_iter().map(Into::into).collect();
        Self::start_with(world, Start { flags, ..Start::default() })
    }

    /// As a test wants it otherwise.
    pub fn start_with(world: &World, mut start: Start) -> Result<Self, Error> {
        let address = closed_address()?.to_string();
        start.environment.insert("SEQSTORE_METRICS_BIND_ADDRESS", address.clone());
        Ok(Self { address, operator: world.operator(&start)? })
    }

    pub fn log_text(&self) -> String {
        self.operator.log_text()
    }

    pub async fn page(&self) -> Result<Page, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let response = get(&self.address, "/metrics").await.unwrap_or_default();
            if let Some((head, body)) = response.split_once("\r\n\r\n") {
                ensure!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
                let head = head.to_lowercase();
                ensure!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
                return Page::parse(unchunked(body)?);
            }
            ensure!(tokio::time::Instant::now() < end, "no page at {}: {response}", self.address);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The page once it is as wanted.
    pub async fn until(&self, what: &str, wanted: impl Fn(&Page) -> bool) -> Result<Page, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let page = self.page().await?;
            if wanted(&page) {
                return Ok(page);
            }
            ensure!(tokio::time::Instant::now() < end, "the page never shows {what}:\n{}", page.text);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The body of a response that is sent in chunks.
fn unchunked(mut body: &str) -> Result<String, Error> {
    let mut text = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").ok_or("the page breaks off")?;
        let length = usize::from_str_radix(length, 16)?;
        if length == 0 {
            return Ok(text);
        }
        text.push_str(rest.get(..length).ok_or("the page breaks off in a chunk")?);
        body = rest.get(length + 2..).ok_or("the page breaks off after a chunk")?;
    }
}
