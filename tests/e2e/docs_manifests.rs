//! Sends the manifests of the pages and examples that an API server knows to the API server, without storing them.

use std::sync::Arc;

use serde_json::Value;

use crate::docs::{below, blocks_in, read};
use crate::world::{Cluster, Error, World, ensure, tests};

tests![the_api_server_accepts_every_manifest_of_the_pages];

/// API groups that the API server of the tests has; other kinds are those of tools that are not installed.
const GROUPS: &[&str] =
    &["admissionregistration.k8s.io/", "batch/", "healthomics.dev/", "rbac.authorization.k8s.io/", "v1"];

async fn the_api_server_accepts_every_manifest_of_the_pages(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let blocks = blocks_in("yaml").into_iter().map(|block| (block.place, block.text));
    let examples = below("examples", ".yaml").into_iter().filter(|file| !file.contains("testdata"));
    let examples =
        examples.filter(|file| !file.ends_with("_test.yaml")).map(|file| (file.clone(), read(&file)));
    let mut sent = 0;
    for (place, text) in blocks.chain(examples).filter(|(_, text)| !text.contains("AWSTemplateFormatVersion"))
    {
        for mut object in serde_saphyr::from_multiple::<Value>(&text).map_err(|e| format!("{place}: {e}"))? {
            let version = object["apiVersion"].as_str().unwrap_or_default();
            if !GROUPS.iter().any(|group| version.starts_with(group)) {
                continue;
            }
            // The namespace of this test stands for the one that the page names.
            object["metadata"].as_object_mut().ok_or("no metadata")?.remove("namespace");
            let arguments = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
            let scoped = [&["--namespace", &world.namespace][..], &arguments].concat();
            let answer = world.cluster.plane.kubectl_stdin(&scoped, &object.to_string()).await?;
            ensure!(answer.success(), "{place}: {answer:?}");
            sent += 1;
        }
    }
    ensure!(sent >= 15, "only {sent} manifests were sent");
    Ok(())
}
