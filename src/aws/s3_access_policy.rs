//! Calls about the S3 access policy of a store: one request per second is AWS's quota. I/O.

use super::{Aws, CallError, Class, Operation};

impl Aws {
    /// GetS3AccessPolicy; none where there is no policy.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn get_policy(&self, region: &str, access_point: &str) -> Result<Option<String>, CallError> {
        let request = self.client(region).get_s3_access_policy().s3_access_point_arn(access_point).send();
        match request.await.map_err(|e| CallError::of(Operation::GetS3AccessPolicy, &e)) {
            Ok(output) => Ok(Some(output.s3_access_policy().to_owned())),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// PutS3AccessPolicy.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn put_policy(&self, region: &str, access_point: &str, policy: &str) -> Result<(), CallError> {
        let request = self.client(region).put_s3_access_policy().s3_access_point_arn(access_point);
        let request = request.s3_access_policy(policy).send();
        request.await.map(drop).map_err(|e| CallError::of(Operation::PutS3AccessPolicy, &e))
    }

    /// DeleteS3AccessPolicy; one that is gone already is deleted as well.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn delete_policy(&self, region: &str, access_point: &str) -> Result<(), CallError> {
        let request = self.client(region).delete_s3_access_policy().s3_access_point_arn(access_point).send();
        match request.await.map_err(|e| CallError::of(Operation::DeleteS3AccessPolicy, &e)) {
            Ok(_) => Ok(()),
            Err(error) if error.class == Class::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
