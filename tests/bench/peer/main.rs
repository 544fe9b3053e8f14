//! The other side of each comparison: a controller that does the obvious. kube's `Controller` with its cache as it
//! comes, for each object and poll one GetSequenceStore and one ListTagsForResource, the AWS SDK's default retries, no
//! budget of requests, and a status write when the status changed. Kubernetes and AWS.

mod mirror;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_omics::Client as Omics;
use clap::Parser;
use futures::StreamExt;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::controller::{Action, Config};
use kube::runtime::{Controller, watcher};
use kube::{Client, ResourceExt};
use sequencestore_operator::crd::SequenceStore;
use serde_json::json;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a reconciliation that failed waits for its next attempt.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// A plain controller for SequenceStore objects that name an existing store.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The namespace to watch
    #[arg(long)]
    namespace: String,
    /// Seconds between two polls of an object
    #[arg(long, default_value_t = 300)]
    poll_seconds: u64,
    /// How many objects to reconcile at the same time; kube's own default, no limit, would open a connection for each
    #[arg(long, default_value_t = 8)]
    concurrency: u16,
}

struct Context {
    omics: Omics,
    objects: Api<SequenceStore>,
    poll: Duration,
}

#[derive(Debug)]
struct Failed(Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for Failed {}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::INFO).init();
    let objects = Api::namespaced(Client::try_default().await?, &arguments.namespace);
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let context = Context {
        omics: Omics::new(&config),
        objects: objects.clone(),
        poll: Duration::from_secs(arguments.poll_seconds),
    };
    Controller::new(objects, watcher::Config::default())
        .with_config(Config::default().concurrency(arguments.concurrency))
        .shutdown_on_signal()
        .run(reconcile, |_, _, _| Action::requeue(AFTER_FAILURE), Arc::new(context))
        .for_each(|_| std::future::ready(()))
        .await;
    Ok(())
}

async fn reconcile(object: Arc<SequenceStore>, context: Arc<Context>) -> Result<Action, Failed> {
    poll(&object, &context).await.map_err(Failed)?;
    Ok(Action::requeue(context.poll))
}

async fn poll(object: &SequenceStore, context: &Context) -> Result<(), Error> {
    let Some(id) = &object.spec.sequence_store_id else { return Ok(()) };
    let got = context.omics.get_sequence_store().id(id).send().await?;
    let tags = context.omics.list_tags_for_resource().resource_arn(got.arn()).send().await?;
    let status = mirror::status(object, &got, &tags);
    if object.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let patch = Patch::Merge(json!({"status": status}));
    context.objects.patch_status(&object.name_any(), &PatchParams::default(), &patch).await?;
    Ok(())
}
