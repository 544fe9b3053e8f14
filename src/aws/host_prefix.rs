//! Keeps a custom endpoint as it is: without this the SDK glues `control-storage-` to its host. No I/O.

use aws_sdk_omics::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_omics::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_omics::error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;

/// Removes the host prefix. It must act after `read_before_execution`, where the operation itself
/// stores the prefix, and before the endpoint is resolved.
#[derive(Debug)]
pub(super) struct NoHostPrefix;

impl Intercept for NoHostPrefix {
    fn name(&self) -> &'static str {
        "NoHostPrefix"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().unset::<EndpointPrefix>();
        Ok(())
    }
}
