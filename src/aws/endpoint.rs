//! Custom endpoints, such as a proxy or a test server: used exactly as they are configured. No I/O of its
//! own; the profile is already loaded.

use aws_sdk_omics::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_omics::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_omics::error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// Whether `AWS_ENDPOINT_URL_OMICS`, `AWS_ENDPOINT_URL` or the profile sets an endpoint. The service id is
/// the one that the SDK of HealthOmics looks up.
pub(super) fn is_custom(config: &SdkConfig) -> bool {
    let key = ServiceConfigKey::builder()
        .service_id("Omics")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let service = match (key, config.service_config()) {
        (Ok(key), Some(source)) => source.load_config(key).is_some(),
        _ => false,
    };
    service || config.endpoint_url().is_some()
}

/// Stops the SDK from putting `control-storage-` and `tags-` before the host of a custom endpoint.
#[derive(Debug)]
pub(super) struct NoHostPrefix;

impl Intercept for NoHostPrefix {
    fn name(&self) -> &'static str {
        "NoHostPrefix"
    }

    /// Runs after `read_before_execution`, where the operation stores the prefix, and before the SDK
    /// resolves the endpoint; in any other hook it would have no effect.
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_types::service_config::LoadServiceConfig;

    /// An environment in which only `AWS_ENDPOINT_URL_OMICS` is set.
    #[derive(Debug)]
    struct OmicsOnly;

    impl LoadServiceConfig for OmicsOnly {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let is_omics = key.service_id() == "Omics" && key.env() == "AWS_ENDPOINT_URL";
            is_omics.then(|| "http://127.0.0.1:1".to_owned())
        }
    }

    #[test]
    fn an_endpoint_for_healthomics_or_for_all_services_is_custom() {
        assert!(is_custom(&SdkConfig::builder().service_config(OmicsOnly).build()));
        assert!(is_custom(&SdkConfig::builder().endpoint_url("http://127.0.0.1:1").build()));
        assert!(!is_custom(&SdkConfig::builder().build()));
    }
}
