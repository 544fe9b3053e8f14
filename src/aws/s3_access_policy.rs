//! Requests about the S3 access policy of a store. AWS allows one request per second for each account and
//! region. I/O.

use super::call::Call;
use super::{Aws, CallError, Class, Operation, Turn};

impl Aws {
    /// None where the store has no policy.
    pub(crate) async fn get_policy(
        &self,
        region: &str,
        access_point: &str,
    ) -> Result<Option<String>, CallError> {
        let request = self.omics(region).get_s3_access_policy().s3_access_point_arn(access_point);
        let call = Call::new(Operation::GetS3AccessPolicy, region);
        unless_missing(
            self.call(call, || request.clone().send(), |response| Ok(response.s3_access_policy)).await,
        )
    }

    pub(crate) async fn put_policy(
        &self,
        turn: Turn,
        region: &str,
        access_point: &str,
        policy: &str,
    ) -> Result<(), CallError> {
        let request = self.omics(region).put_s3_access_policy().s3_access_point_arn(access_point);
        let request = request.s3_access_policy(policy);
        let call = Call::new(Operation::PutS3AccessPolicy, region);
        self.call_in_turn(call, Some(turn), || request.clone().send(), |_| Ok(())).await
    }

    /// Succeeds also where the store has no policy.
    pub(crate) async fn delete_policy(
        &self,
        turn: Turn,
        region: &str,
        access_point: &str,
    ) -> Result<(), CallError> {
        let request = self.omics(region).delete_s3_access_policy().s3_access_point_arn(access_point);
        let call = Call::new(Operation::DeleteS3AccessPolicy, region);
        unless_missing(self.call_in_turn(call, Some(turn), || request.clone().send(), |_| Ok(())).await)
            .map(|_| ())
    }
}

fn unless_missing<T>(outcome: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
