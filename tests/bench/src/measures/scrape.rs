//! What a page of metrics costs, with and without the series for each object.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{START_UP, until_current};
use crate::Error;
use crate::fit::median;
use crate::progress::Progress;
use crate::quotas::Quotas;
use crate::scene::{Program, Scene, Start};

/// Pages, one after the other.
const PAGES: usize = 5;
const CURRENT_DEADLINE: Duration = Duration::from_secs(120);
const PAGE_DEADLINE: Duration = Duration::from_secs(20);
/// After the last request to AWS, until the first page.
const SETTLE: Duration = Duration::from_secs(4);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scrape {
    pub objects: usize,
    /// With the series for each object.
    pub per_object: bool,
    /// The last page.
    pub bytes: usize,
    pub series: usize,
    /// Until each page was there, to its end.
    pub milliseconds: Vec<f64>,
    pub rss_before_mib: f64,
    /// After the last page.
    pub rss_after_mib: f64,
}

/// `scene` has this many settled objects. What watches them already goes on beside the processes that are started here, and
/// is not asked for a page: AWS refuses nothing meanwhile, so that no process is slowed down by another.
pub async fn run(scene: &Scene, objects: usize, progress: &Progress) -> Result<Vec<Scrape>, Error> {
    let step = progress.start(format!("pages of metrics with {objects} objects"));
    scene.set_quotas(Quotas::None).await?;
    let measured = with_and_without(scene, objects).await;
    scene.set_quotas(Quotas::Default).await?;
    let scrapes = measured?;
    let texts = scrapes.iter().map(|scrape| {
        let milliseconds = median(&scrape.milliseconds).unwrap_or_default();
        format!("{} series in {milliseconds:.1} ms", scrape.series)
    });
    step.done(texts.collect::<Vec<_>>().join(", "));
    Ok(scrapes)
}

async fn with_and_without(scene: &Scene, objects: usize) -> Result<Vec<Scrape>, Error> {
    let mut scrapes = Vec::new();
    for per_object in [true, false] {
        scrapes.push(one(scene, objects, per_object).await?);
    }
    Ok(scrapes)
}

async fn one(scene: &Scene, objects: usize, per_object: bool) -> Result<Scrape, Error> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let since = scene.last_request().await?;
    let flags = vec![format!("--metrics-per-object={per_object}")];
    let start = Start { metrics: address, flags, ..Start::new(Program::Operator, Quotas::None) };
    let process = scene.start(&start)?;
    if objects > 0 {
        let current = until_current(&scene.aws, &process, since, objects, CURRENT_DEADLINE).await?;
        current.ok_or("the operator does not know the state of all stores in time")?;
    } else {
        tokio::time::sleep(START_UP).await;
    }
    tokio::time::sleep(SETTLE).await;
    let before = process.figures()?;
    let (mut page, mut milliseconds) = (String::new(), Vec::new());
    for _ in 0..PAGES {
        let asked = Instant::now();
        page = tokio::time::timeout(PAGE_DEADLINE, get(address)).await??;
        milliseconds.push(1000.0 * asked.elapsed().as_secs_f64());
    }
    let after = process.figures()?;
    process.terminate().await?;
    let (shown, wanted) = (objects_on(&page), if per_object { objects } else { 0 });
    if shown != wanted {
        return Err(format!("the page has series of {shown} objects, not of {wanted}").into());
    }
    Ok(Scrape {
        objects,
        per_object,
        bytes: page.len(),
        series: series(&page).count(),
        milliseconds,
        rss_before_mib: before.rss_mib,
        rss_after_mib: after.rss_mib,
    })
}

/// The page. An answer to HTTP/1.0 is not sent in chunks.
async fn get(address: SocketAddr) -> Result<String, Error> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: bench\r\n\r\n").await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    match response.split_once("\r\n\r\n") {
        Some((head, page)) if head.split(' ').nth(1) == Some("200") => Ok(page.to_owned()),
        _ => Err(format!("no page: {}", response.lines().next().unwrap_or_default()).into()),
    }
}

fn series(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// How many objects have series of their own.
fn objects_on(page: &str) -> usize {
    series(page).filter(|line| line.starts_with("sequencestore_object_ready{")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_the_lines_that_are_no_comments() {
        let page = "# TYPE sequencestore_object_ready gauge\nsequencestore_object_ready{name=\"a\"} 1\n\
                    sequencestore_object_ready_transition_timestamp_seconds{name=\"a\"} 1\nprocess_open_fds 9\n";
        assert_eq!(series(page).count(), 3);
        assert_eq!(objects_on(page), 1);
    }
}
