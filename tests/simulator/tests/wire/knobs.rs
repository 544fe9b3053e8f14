//! Prove what the knobs change in responses, pagination and errors.

use aws_sdk_omics::types::{S3AccessConfig, SequenceStoreFilter};
use healthomics_simulator::{
    AwsOwnedKey, ClearedValues, DeletedPolicy, ForeignArn, NameFilter, NonEmptyDelete, NullMode,
    PolicyReadBack, SeedStore, SseConfig,
};

use crate::client::{code, omics, omics_as, simulator, with_knobs};

#[tokio::test]
async fn null_modes_appear_in_the_response_that_the_ledger_records() {
    for (mode, nulls) in
        [(NullMode::Absent, [false, false]), (NullMode::Null, [true, true]), (NullMode::Mixed, [true, false])]
    {
        let simulator = with_knobs(|knobs| knobs.null_mode = mode).await;
        let (omics, control) = (omics(&simulator), simulator.client());
        let store = control.seed_store(&SeedStore::default()).await.unwrap();
        for _ in 0..2 {
            let got = omics.get_sequence_store().id(&store.id).send().await.unwrap();
            assert_eq!(got.description(), None);
            omics.list_sequence_stores().send().await.unwrap();
            omics.get_sequence_store().id(&store.id).send().await.unwrap();
        }
        let ledger = control.ledger().await.unwrap();
        let written =
            |index: usize| ledger[index].response.get("description").is_some_and(|value| value.is_null());
        let mut written = [written(0), written(3)];
        written.sort_by_key(|written| !written);
        assert_eq!(written, nulls, "{mode:?}");
    }
}

#[tokio::test]
async fn cleared_values_read_back_absent_null_or_empty() {
    for (mode, expected) in [
        (ClearedValues::Unset, [None, None, None]),
        (ClearedValues::Null, [Some("null"); 3]),
        (ClearedValues::Empty, [Some(r#""""#), Some(r#""""#), Some("[]")]),
    ] {
        let simulator = with_knobs(|knobs| knobs.cleared_values = mode).await;
        let (omics, control) = (omics(&simulator), simulator.client());
        let seed = SeedStore {
            fallback_location: Some("s3://fallback/".to_owned()),
            access_log_location: Some("s3://logs/".to_owned()),
            propagated_set_level_tags: vec!["k".to_owned()],
            ..SeedStore::default()
        };
        let store = control.seed_store(&seed).await.unwrap();
        let log = S3AccessConfig::builder().access_log_location("").build();
        let update = omics.update_sequence_store().id(&store.id).fallback_location("").s3_access_config(log);
        update.set_propagated_set_level_tags(Some(vec![])).send().await.unwrap();
        let response = control.ledger().await.unwrap().pop().unwrap().response;
        let read = [
            &response["s3Access"]["accessLogLocation"],
            &response["fallbackLocation"],
            &response["propagatedSetLevelTags"],
        ];
        let present = [
            response["s3Access"].get("accessLogLocation").is_some(),
            response.get("fallbackLocation").is_some(),
            response.get("propagatedSetLevelTags").is_some(),
        ];
        for index in 0..3 {
            let read = present[index].then(|| read[index].to_string());
            assert_eq!(read.as_deref(), expected[index], "{mode:?}");
        }
        let record = control.store(&store.id).await.unwrap().unwrap();
        assert_eq!((record.fallback_location, record.cleared.len()), (None, 3));
    }
}

#[tokio::test]
async fn knobs_change_how_values_read_back() {
    let simulator = with_knobs(|knobs| {
        knobs.access_log_appends_store_id = true;
        knobs.resolve_key_aliases = true;
        knobs.aws_owned_key = AwsOwnedKey::Structure;
        knobs.policy_read_back = PolicyReadBack::Canonical;
    })
    .await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let seed = SeedStore {
        access_log_location: Some("s3://logs/a/".to_owned()),
        sse_config: Some(SseConfig {
            kind: "KMS".to_owned(),
            key_arn: Some("arn:aws:kms:us-east-1:123456789012:alias/reads".to_owned()),
        }),
        s3_access_policy: Some(
            r#"{ "Version": "x", "Statement": [{"Effect": "Allow", "Action": ["a"]}] }"#.to_owned(),
        ),
        ..SeedStore::default()
    };
    let store = control.seed_store(&seed).await.unwrap();
    let got = omics.get_sequence_store().id(&store.id).send().await.unwrap();
    let location = got.s3_access().unwrap().access_log_location().unwrap();
    assert_eq!(location, format!("s3://logs/a/{}/", store.id));
    let key = got.sse_config().unwrap().key_arn().unwrap();
    assert!(key.starts_with("arn:aws:kms:us-east-1:123456789012:key/") && key.len() == 75, "{key}");
    let policy = omics.get_s3_access_policy().s3_access_point_arn(&store.s3_access.s3_access_point_arn);
    let policy = policy.send().await.unwrap();
    assert_eq!(policy.s3_access_policy(), r#"{"Statement":{"Action":"a","Effect":"Allow"},"Version":"x"}"#);
    let plain = control.seed_store(&SeedStore::default()).await.unwrap();
    let got = omics.get_sequence_store().id(&plain.id).send().await.unwrap();
    assert_eq!(got.sse_config().unwrap().key_arn(), None);
}

#[tokio::test]
async fn listings_can_repeat_tokens_or_contain_empty_pages() {
    let simulator = with_knobs(|knobs| knobs.empty_pages = true).await;
    let (omics, control) = (omics(&simulator), simulator.client());
    for _ in 0..3 {
        control.seed_store(&SeedStore::default()).await.unwrap();
    }
    let page =
        |token: Option<String>| omics.list_sequence_stores().max_results(2).set_next_token(token).send();
    let (mut sizes, mut token) = (Vec::new(), None);
    loop {
        let response = page(token).await.unwrap();
        sizes.push(response.sequence_stores().len());
        token = response.next_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [0, 2, 0, 1]);

    let mut knobs = control.knobs().await.unwrap();
    (knobs.empty_pages, knobs.repeat_next_token) = (false, true);
    control.set_knobs(&knobs).await.unwrap();
    let first = page(None).await.unwrap().next_token().unwrap().to_owned();
    for _ in 0..3 {
        assert_eq!(page(Some(first.clone())).await.unwrap().next_token(), Some(first.as_str()));
    }
    knobs.repeat_next_token = false;
    knobs.next_token_lifetime_ms = Some(0);
    control.set_knobs(&knobs).await.unwrap();
    assert_eq!(code(page(Some(first)).await), "ValidationException");
    knobs.default_page_size = 1;
    knobs.name_filter = NameFilter::Substring;
    control.set_knobs(&knobs).await.unwrap();
    let named = SeedStore { name: Some("alphabet".to_owned()), ..SeedStore::default() };
    control.seed_store(&named).await.unwrap();
    assert_eq!(omics.list_sequence_stores().send().await.unwrap().sequence_stores().len(), 1);
    let filter = SequenceStoreFilter::builder().name("phab").build();
    let listed = omics.list_sequence_stores().filter(filter).send().await.unwrap();
    assert_eq!(listed.sequence_stores().len(), 1);
}

#[tokio::test]
async fn knobs_change_limits_and_errors() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    control.add_read_sets(&store.id, 1, "UPLOAD_FAILED").await.unwrap();
    let access_point = &store.s3_access.s3_access_point_arn;
    let mut knobs = control.knobs().await.unwrap();
    knobs.non_empty_delete = NonEmptyDelete::Validation;
    knobs.max_stores = Some(1);
    knobs.max_propagated_keys = 50;
    knobs.tag_limit_is_quota = true;
    knobs.foreign_arn = ForeignArn::AccessDenied;
    knobs.deleted_policy = DeletedPolicy::Empty;
    (knobs.tags_move_update_time, knobs.policy_moves_update_time) = (true, true);
    control.set_knobs(&knobs).await.unwrap();

    assert_eq!(code(omics.delete_sequence_store().id(&store.id).send().await), "ValidationException");
    let create = omics.create_sequence_store().name("b").send().await.unwrap_err();
    assert_eq!(create.raw_response().unwrap().status().as_u16(), 402);
    assert!(create.into_service_error().is_service_quota_exceeded_exception());
    let keys = (0..50).map(|index| format!("k{index}")).collect();
    omics
        .update_sequence_store()
        .id(&store.id)
        .set_propagated_set_level_tags(Some(keys))
        .send()
        .await
        .unwrap();
    let tag = |range: std::ops::Range<u32>| {
        let tags = range.map(|index| (format!("k{index}"), String::new())).collect();
        omics.tag_resource().resource_arn(&store.arn).set_tags(Some(tags)).send()
    };
    let updated = async || control.store(&store.id).await.unwrap().unwrap().update_time.unwrap();
    let before = updated().await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    tag(0..50).await.unwrap();
    assert!(updated().await > before);
    assert_eq!(code(tag(50..51).await), "ServiceQuotaExceededException");
    let before = updated().await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    omics.delete_s3_access_policy().s3_access_point_arn(access_point).send().await.unwrap();
    assert!(updated().await > before);
    let policy = omics.get_s3_access_policy().s3_access_point_arn(access_point).send().await.unwrap();
    assert_eq!(policy.s3_access_policy(), "{}");
    let credentials = aws_sdk_omics::config::Credentials::new("AKIATEST", "secret", None, None, "test");
    let abroad = omics_as(&simulator, credentials, "eu-west-1");
    let tags = abroad.list_tags_for_resource().resource_arn(&store.arn).send().await;
    assert_eq!(code(tags), "AccessDeniedException");
    knobs.reference_store_access_points.push(access_point.clone());
    control.set_knobs(&knobs).await.unwrap();
    let policy = omics.get_s3_access_policy().s3_access_point_arn(access_point).send().await.unwrap_err();
    assert!(policy.into_service_error().is_not_supported_operation_exception());
    control.set_read_sets_status(&store.id, "DELETED").await.unwrap();
    omics.delete_sequence_store().id(&store.id).send().await.unwrap();
}

#[tokio::test]
async fn request_quotas_apply_per_operation_and_region() {
    let simulator = with_knobs(|knobs| {
        knobs.quotas = true;
        knobs.retry_after_ms = Some(700);
    })
    .await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let list = || omics.list_sequence_stores().send();
    let mut throttled = None;
    for _ in 0..7 {
        throttled = list().await.err().or(throttled);
    }
    let throttled = throttled.expect("seven requests at once exceed the quota of five per second");
    let raw = throttled.raw_response().unwrap();
    assert_eq!(raw.status().as_u16(), 429);
    assert_eq!(raw.headers().get("x-amz-retry-after"), Some("700"));
    assert!(throttled.into_service_error().is_throttling_exception());
    let credentials = || aws_sdk_omics::config::Credentials::new("AKIATEST", "secret", None, None, "test");
    omics_as(&simulator, credentials(), "eu-west-1").list_sequence_stores().send().await.unwrap();
    omics.create_sequence_store().name("a").send().await.unwrap();
    assert_eq!(code(omics.create_sequence_store().name("a").send().await), "ThrottlingException");
    let mut knobs = control.knobs().await.unwrap();
    knobs.tps.insert("CreateSequenceStore".to_owned(), 1000.0);
    control.set_knobs(&knobs).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    for _ in 0..5 {
        omics.create_sequence_store().name("a").send().await.unwrap();
    }
    control.reset().await.unwrap();
    assert!(control.stores().await.unwrap().is_empty() && control.ledger().await.unwrap().is_empty());
}
