//! Prove that every operation works through the Rust SDK.

use aws_sdk_omics::Client;
use aws_sdk_omics::operation::create_sequence_store::CreateSequenceStoreOutput;
use aws_sdk_omics::types::{
    ETagAlgorithmFamily, EncryptionType, ReadSetStatus, S3AccessConfig, SequenceStoreFilter,
    SequenceStoreStatus, SseConfig,
};
use healthomics_simulator::SeedStore;

use crate::client::{code, omics, simulator};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0c1d9a1e-0000-4000-8000-000000000000";

async fn create_with_all_members(omics: &Client) -> CreateSequenceStoreOutput {
    let sse = SseConfig::builder().r#type(EncryptionType::Kms).key_arn(KEY).build().unwrap();
    let log = S3AccessConfig::builder().access_log_location("s3://logs/a/").build();
    omics
        .create_sequence_store()
        .name("reads")
        .description("first")
        .sse_config(sse)
        .e_tag_algorithm_family(ETagAlgorithmFamily::Sha256Up)
        .fallback_location("s3://fallback/b/")
        .propagated_set_level_tags("project")
        .s3_access_config(log)
        .tags("team", "genomics")
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_created_store_reads_back_with_all_members() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    let created = create_with_all_members(&omics).await;
    assert_eq!(created.status(), Some(&SequenceStoreStatus::Active));

    let got = omics.get_sequence_store().id(created.id()).send().await.unwrap();
    assert_eq!(got.id(), created.id());
    assert_eq!(got.arn(), format!("arn:aws:omics:us-east-1:123456789012:sequenceStore/{}", created.id()));
    assert_eq!(got.name(), Some("reads"));
    assert_eq!(got.description(), Some("first"));
    assert_eq!(got.sse_config().unwrap().key_arn(), Some(KEY));
    assert_eq!(got.e_tag_algorithm_family(), Some(&ETagAlgorithmFamily::Sha256Up));
    assert_eq!(got.fallback_location(), Some("s3://fallback/b/"));
    assert_eq!(got.propagated_set_level_tags(), ["project"]);
    assert_eq!(got.creation_time(), created.creation_time());
    assert_eq!(got.update_time(), Some(created.creation_time()));
    let access = got.s3_access().unwrap();
    assert_eq!(access.access_log_location(), Some("s3://logs/a/"));
    let alias = access.s3_uri().unwrap().strip_prefix("s3://").unwrap().split('/').next().unwrap();
    assert_eq!(alias.len(), 63);
    assert!(alias.ends_with("-s3alias") && alias.starts_with("123456789012-"));
    assert!(access.s3_uri().unwrap().ends_with(&format!("/123456789012/sequenceStore/{}/", got.id())));
}

#[tokio::test]
async fn update_changes_the_given_members_and_clears_empty_ones() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    let created = create_with_all_members(&omics).await;
    let got = omics.get_sequence_store().id(created.id()).send().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let log = S3AccessConfig::builder().access_log_location("").build();
    let updated = omics
        .update_sequence_store()
        .id(created.id())
        .name("renamed")
        .fallback_location("")
        .set_propagated_set_level_tags(Some(vec![]))
        .s3_access_config(log)
        .send()
        .await
        .unwrap();
    assert_eq!(updated.name(), Some("renamed"));
    assert_eq!(updated.description(), Some("first"), "Update leaves an omitted member unchanged");
    assert_eq!(updated.fallback_location(), None);
    assert!(updated.propagated_set_level_tags().is_empty());
    assert_eq!(updated.s3_access().unwrap().access_log_location(), None);
    assert!(updated.update_time().unwrap() > got.update_time().unwrap());
}

#[tokio::test]
async fn a_deleted_store_is_not_found() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    let created = create_with_all_members(&omics).await;
    omics.delete_sequence_store().id(created.id()).send().await.unwrap();
    let get = omics.get_sequence_store().id(created.id()).send().await.unwrap_err();
    assert!(get.into_service_error().is_resource_not_found_exception());
    let delete = omics.delete_sequence_store().id(created.id()).send().await.unwrap_err();
    assert!(delete.into_service_error().is_resource_not_found_exception());
    let tags = omics.list_tags_for_resource().resource_arn(created.arn()).send().await;
    assert_eq!(code(tags), "ResourceNotFoundException");
}

#[tokio::test]
async fn tag_resource_adds_and_replaces_tags_and_untag_resource_removes_them() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    let store = omics.create_sequence_store().name("a").tags("k0", "v0").send().await.unwrap();
    let arn = store.arn();
    omics.tag_resource().resource_arn(arn).tags("k 1", "v1").tags("k0", "new").send().await.unwrap();
    let tags = omics.list_tags_for_resource().resource_arn(arn).send().await.unwrap();
    assert_eq!(tags.tags()["k0"], "new");
    assert_eq!(tags.tags()["k 1"], "v1");
    omics.untag_resource().resource_arn(arn).tag_keys("k 1").tag_keys("absent").send().await.unwrap();
    let record = simulator.client().store(store.id()).await.unwrap().unwrap();
    assert_eq!(record.tags.keys().collect::<Vec<_>>(), ["k0"]);
    assert_eq!(record.update_time.unwrap(), record.creation_time, "tag operations do not change updateTime");
    let reserved = omics.tag_resource().resource_arn(arn).tags("aws:x", "v").send().await;
    assert_eq!(code(reserved), "ValidationException");
}

#[tokio::test]
async fn an_access_policy_can_be_replaced_and_deleted() {
    let simulator = simulator().await;
    let omics = omics(&simulator);
    let store = omics.create_sequence_store().name("a").send().await.unwrap();
    let access_point = store.s3_access().unwrap().s3_access_point_arn().unwrap();
    let default = omics.get_s3_access_policy().s3_access_point_arn(access_point).send().await.unwrap();
    assert!(default.s3_access_policy().contains("s3:GetObjectTagging"));
    assert_eq!(default.store_id(), Some(store.id()));

    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*",
            "Action": ["s3:GetObject"], "Resource": "{access_point}/object/*"}}]}}"#
    );
    let put = omics.put_s3_access_policy().s3_access_point_arn(access_point);
    put.s3_access_policy(&policy).send().await.unwrap();
    let read = omics.get_s3_access_policy().s3_access_point_arn(access_point).send().await.unwrap();
    assert_eq!(read.s3_access_policy(), policy);

    omics.delete_s3_access_policy().s3_access_point_arn(access_point).send().await.unwrap();
    let read = omics.get_s3_access_policy().s3_access_point_arn(access_point).send().await;
    assert_eq!(code(read), "ResourceNotFoundException");
    assert_eq!(simulator.client().store(store.id()).await.unwrap().unwrap().s3_access_policy, None);
}

#[tokio::test]
async fn a_store_can_be_deleted_only_after_its_read_sets() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    control.add_read_sets(&store.id, 3, "ACTIVE").await.unwrap();
    let blocked = omics.delete_sequence_store().id(&store.id).send().await.unwrap_err();
    assert!(blocked.into_service_error().is_conflict_exception());

    let listed = omics.list_read_sets().sequence_store_id(&store.id).max_results(2).send().await.unwrap();
    assert_eq!(listed.read_sets().len(), 2);
    assert!(listed.next_token().is_some());
    let pages = omics.list_read_sets().sequence_store_id(&store.id).into_paginator().page_size(2);
    let all: Vec<_> = pages.items().send().collect::<Result<_, _>>().await.unwrap();
    let ids: Vec<_> = all.iter().map(|read_set| read_set.id().to_owned()).collect();
    let deleted = omics
        .batch_delete_read_set()
        .sequence_store_id(&store.id)
        .set_ids(Some(ids))
        .ids("0123456789")
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.errors().len(), 1);
    let listed = omics.list_read_sets().sequence_store_id(&store.id).send().await.unwrap();
    assert!(listed.read_sets().iter().all(|read_set| read_set.status() == &ReadSetStatus::Deleted));
    omics.delete_sequence_store().id(&store.id).send().await.unwrap();
}

#[tokio::test]
async fn listing_neither_repeats_nor_skips_stores_while_others_are_created_and_deleted() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let mut ids = Vec::new();
    for index in 0..6 {
        let name = Some(format!("store-{index}"));
        ids.push(control.seed_store(&SeedStore { name, ..SeedStore::default() }).await.unwrap().id);
    }
    let page =
        |token: Option<String>| omics.list_sequence_stores().max_results(2).set_next_token(token).send();
    let first = page(None).await.unwrap();
    control.remove_store(&ids[1]).await.unwrap();
    control.remove_store(&ids[2]).await.unwrap();
    let new = omics.create_sequence_store().name("new").send().await.unwrap();
    let mut seen: Vec<String> = first.sequence_stores().iter().map(|s| s.id().to_owned()).collect();
    let mut token = first.next_token().map(str::to_owned);
    while let Some(next) = token {
        let page = page(Some(next)).await.unwrap();
        seen.extend(page.sequence_stores().iter().map(|s| s.id().to_owned()));
        token = page.next_token().map(str::to_owned);
    }
    let expected: Vec<&str> = [&ids[0], &ids[1], &ids[3], &ids[4], &ids[5]]
        .iter()
        .map(|id| id.as_str())
        .chain([new.id()])
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(code(page(Some("garbage".to_owned())).await), "ValidationException");

    let foreign = SequenceStoreFilter::builder().name("other").build();
    let mixed =
        omics.list_sequence_stores().filter(foreign).set_next_token(first.next_token().map(str::to_owned));
    assert_eq!(
        code(mixed.send().await),
        "ValidationException",
        "a page token is valid only for the filter that it was issued for"
    );
}

#[tokio::test]
async fn listing_filters_by_name_status_and_time() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    for (name, status, time) in [
        ("alpha", "ACTIVE", "2026-01-01T00:00:00.000Z"),
        ("alpha-2", "ACTIVE", "2026-02-01T00:00:00.000Z"),
        ("beta", "FAILED", "2026-03-01T00:00:00.000Z"),
    ] {
        let seed = SeedStore {
            name: Some(name.to_owned()),
            status: status.to_owned(),
            creation_time: Some(time.to_owned()),
            ..SeedStore::default()
        };
        control.seed_store(&seed).await.unwrap();
    }
    let names = async |filter: SequenceStoreFilter| -> Vec<String> {
        let page = omics.list_sequence_stores().filter(filter).send().await.unwrap();
        page.sequence_stores().iter().map(|store| store.name().unwrap().to_owned()).collect()
    };
    let filter = SequenceStoreFilter::builder;
    assert_eq!(names(filter().name("alpha").build()).await, ["alpha"]);
    assert_eq!(names(filter().status(SequenceStoreStatus::Failed).build()).await, ["beta"]);
    let february = aws_sdk_omics::primitives::DateTime::from_secs(1_769_904_000);
    assert_eq!(names(filter().created_after(february).build()).await, ["beta"]);
    assert_eq!(names(filter().created_before(february).build()).await, ["alpha"]);
    assert_eq!(names(filter().updated_before(february).build()).await, ["alpha"]);
}

#[tokio::test]
async fn the_ledger_records_each_attempt_of_one_sdk_call() {
    let simulator = simulator().await;
    let control = simulator.client();
    let fault = healthomics_simulator::FaultAction::error("InternalServerException");
    control.script_fault(&healthomics_simulator::Fault::once("GetSequenceStore", fault)).await.unwrap();
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    let credentials = aws_sdk_omics::config::Credentials::new("AKIATEST", "secret", None, None, "test");
    let retry = aws_sdk_omics::config::retry::RetryConfig::standard()
        .with_initial_backoff(std::time::Duration::from_millis(5));
    let config = crate::client::config(&simulator, credentials, "us-east-1").retry_config(retry).build();
    let omics = aws_sdk_omics::Client::from_conf(config);
    omics.get_sequence_store().id(&store.id).send().await.unwrap();
    let ledger = control.ledger().await.unwrap();
    let statuses: Vec<u16> = ledger.iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [500, 200]);
    assert_eq!(ledger[0].invocation_id, ledger[1].invocation_id);
    assert_eq!(ledger[1].attempt.as_deref(), Some("attempt=2; max=3"));
    assert!(ledger[0].user_agent.as_ref().unwrap().contains("aws-sdk-rust"));
    assert_eq!(ledger[0].fault.as_deref(), Some("error"));
    assert_eq!(ledger[1].parameters["id"], store.id);
    assert_eq!(ledger[1].access_key_id.as_deref(), Some("AKIATEST"));
    assert!(ledger.iter().all(|entry| !entry.is_mutating() && !entry.committed));
}
