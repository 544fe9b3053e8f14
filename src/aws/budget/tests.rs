//! Callers that wait for tokens.

use super::*;

const ACCOUNT: &str = "111122223333";
const GET: Operation = Operation::GetSequenceStore;
const DELETE: Operation = Operation::DeleteSequenceStore;

/// So many requests per second of each of the two operations.
fn budget(rate: f64) -> Arc<Budget> {
    let of_account = [(GET, rate), (DELETE, rate)].into();
    Budget::new(Quotas { share: 1.0, of_account, ..Quotas::default() })
}

#[tokio::test]
async fn calls_are_paced_and_the_time_that_they_wait_is_counted() {
    let (budget, caller, start) = (budget(50.0), Caller::default(), Instant::now());
    for _ in 0..11 {
        budget.token((ACCOUNT, "us-east-1", GET), &caller).await.spend();
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(199), "{took:?}");
    let waited = caller.waits.so_far(Instant::now());
    assert!(waited >= Duration::from_millis(100) && waited <= took, "{waited:?} of {took:?}");
    assert!(!caller.waits.is_waiting());
}

#[tokio::test]
async fn requests_whose_tokens_were_taken_apart_do_not_leave_together() {
    let (budget, caller) = (budget(0.8), Caller::default());
    budget.token((ACCOUNT, "us-east-1", DELETE), &caller).await.spend();
    let waits: Vec<Duration> = (0..3).map(|_| budget.departs_in(ACCOUNT, "us-east-1", DELETE)).collect();
    assert_eq!(waits[0], Duration::ZERO);
    assert!(waits[1] > Duration::from_secs(1) && waits[2] <= LONGEST_GAP, "{waits:?}");
    assert_eq!(budget.departs_in(ACCOUNT, "eu-west-1", DELETE), Duration::ZERO);
}

#[tokio::test]
async fn one_region_and_one_operation_do_not_wait_for_another() {
    let (budget, caller) = (budget(1e-6), Caller::default());
    for region in ["us-east-1", "eu-west-1"] {
        for operation in [GET, DELETE, Operation::GetCallerIdentity] {
            budget.token((ACCOUNT, region, operation), &caller).await.spend();
        }
    }
}

#[tokio::test]
async fn a_waiter_that_gives_up_takes_nothing() {
    let (budget, caller) = (budget(2.0), Caller::default());
    budget.token((ACCOUNT, "us-east-1", DELETE), &caller).await.spend();
    for _ in 0..20 {
        let wait = budget.token((ACCOUNT, "us-east-1", DELETE), &caller);
        assert!(tokio::time::timeout(Duration::from_millis(1), wait).await.is_err());
    }
    budget.token((ACCOUNT, "us-east-1", DELETE), &caller).await.spend();
    let state = budget.state();
    let buckets: Vec<&Bucket> = state.buckets.values().map(|waiters| &waiters.bucket).collect();
    let [bucket] = buckets.as_slice() else { panic!("{buckets:?}") };
    assert_eq!((bucket.granted, bucket.reading().waiting), (2, 0));
}

#[tokio::test]
async fn a_token_that_is_not_used_goes_to_the_next_waiter() {
    let (budget, caller) = (budget(1e-6), Caller::default());
    let unused = budget.token((ACCOUNT, "us-east-1", DELETE), &caller).await;
    let next = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { budget.token((ACCOUNT, "us-east-1", DELETE), &Caller::default()).await.spend() }
    });
    while budget.readings().iter().all(|(_, _, _, reading)| reading.waiting == 0) {
        tokio::task::yield_now().await;
    }
    drop(unused);
    let served = tokio::time::timeout(Duration::from_secs(30), next).await;
    assert!(served.is_ok(), "at this rate no other token comes");
}

#[tokio::test]
async fn after_the_end_nobody_is_served_who_has_to_wait() {
    let (budget, caller) = (budget(100.0), Caller::default());
    budget.close();
    budget.token((ACCOUNT, "us-east-1", GET), &caller).await.spend();
    let wait = budget.token((ACCOUNT, "us-east-1", GET), &caller);
    assert!(tokio::time::timeout(Duration::from_millis(100), wait).await.is_err());
}

#[tokio::test]
async fn no_task_stays_without_waiters() {
    let (budget, caller) = (budget(100.0), Caller::default());
    for _ in 0..3 {
        budget.token((ACCOUNT, "us-east-1", DELETE), &caller).await.spend();
    }
    while budget.state().is_handing_out {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_refusal_slows_its_bucket_down_and_no_other() {
    let (budget, caller) = (budget(5.0), Caller::default());
    for region in ["us-east-1", "eu-west-1"] {
        budget.token((ACCOUNT, region, GET), &caller).await.spend();
    }
    budget.refused(ACCOUNT, "us-east-1", GET);
    for (_, region, _, reading) in budget.readings() {
        assert_eq!(reading.rate < 3.0, region == "us-east-1", "{region} {reading:?}");
    }
}
