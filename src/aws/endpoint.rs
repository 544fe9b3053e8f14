//! Endpoints: the hosts of AWS, and custom ones, such as a VPC endpoint or a test server, which are used exactly as they
//! are configured. I/O: reads the environment and AWS profiles.

use aws_sdk_omics::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_omics::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_omics::error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::network::web_url;

/// The endpoint of the tag operations. The SDK has one setting for all operations of HealthOmics, but a VPC endpoint
/// without private DNS serves only one group of them.
const TAGS_VARIABLE: &str = "AWS_ENDPOINT_URL_OMICS_TAGS";

/// Whether `AWS_ENDPOINT_URL_OMICS`, `AWS_ENDPOINT_URL` or the profile sets an endpoint.
pub(super) fn is_custom(config: &SdkConfig) -> bool {
    url(config, "Omics").is_some()
}

/// The custom endpoint of a service. The service id is the one that the SDK of the service looks up.
pub(super) fn url(config: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let of_service = match (key, config.service_config()) {
        (Ok(key), Some(source)) => source.load_config(key),
        _ => None,
    };
    of_service.or_else(|| config.endpoint_url().map(ToOwned::to_owned))
}

/// The host that AWS documents for a service.
pub(super) fn of_aws(config: &SdkConfig, region: &str, prefix: &str, service: &str) -> String {
    let fips = if config.use_fips() == Some(true) { "-fips" } else { "" };
    let suffix = match (config.use_dual_stack(), region.starts_with("cn-")) {
        (Some(true), false) => "api.aws",
        (Some(true), true) => "api.amazonwebservices.com.cn",
        (_, true) => "amazonaws.com.cn",
        _ => "amazonaws.com",
    };
    format!("https://{prefix}{service}{fips}.{region}.{suffix}")
}

/// # Errors
/// An endpoint that is no URL, or settings that contradict each other: the SDK could send no request.
pub(super) fn check(config: &SdkConfig, has_tags_endpoint: bool) -> Result<(), String> {
    if let Some(problem) = problem(config) {
        return Err(problem);
    }
    let settings = [
        (config.use_dual_stack(), "AWS_USE_DUALSTACK_ENDPOINT"),
        (config.use_fips(), "AWS_USE_FIPS_ENDPOINT"),
    ];
    let custom = [
        (is_custom(config), "AWS_ENDPOINT_URL_OMICS"),
        (url(config, "STS").is_some(), "AWS_ENDPOINT_URL_STS"),
        (has_tags_endpoint, TAGS_VARIABLE),
    ];
    for (_, setting) in settings.into_iter().filter(|(is_on, _)| *is_on == Some(true)) {
        if let Some((_, endpoint)) = custom.into_iter().find(|(is_set, _)| *is_set) {
            return Err(format!(
                "{setting} has no effect on a custom endpoint: remove it, or remove {endpoint} (or AWS_ENDPOINT_URL, or \
                 endpoint_url in the AWS profile)"
            ));
        }
    }
    Ok(())
}

/// # Errors
/// The variable is set to something that is not a URL.
pub(super) fn of_tags() -> Result<Option<String>, String> {
    let Some(url) = std::env::var(TAGS_VARIABLE).ok().filter(|url| !url.is_empty()) else { return Ok(None) };
    match web_url(&url) {
        Some(_) => Ok(Some(url)),
        None => Err(format!("{TAGS_VARIABLE} is not a URL: write one that begins with https://")),
    }
}

/// The role that the SDK assumes for the process: of IAM roles for service accounts, or of the AWS profile.
pub(super) async fn configured_role() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of_environment = variable("AWS_WEB_IDENTITY_TOKEN_FILE").and_then(|_| variable("AWS_ROLE_ARN"));
    let (fs, env) = (aws_types::os_shim_internal::Fs::real(), aws_types::os_shim_internal::Env::real());
    let profiles = aws_config::profile::load(&fs, &env, &Default::default(), None).await.ok();
    let of_profile = profiles.as_ref().and_then(|profiles| profiles.get("role_arn")).map(ToOwned::to_owned);
    of_profile.or(of_environment)
}

/// What is wrong with a custom endpoint: no request could be sent to it.
fn problem(config: &SdkConfig) -> Option<String> {
    let services = [("Omics", "AWS_ENDPOINT_URL_OMICS"), ("STS", "AWS_ENDPOINT_URL_STS")];
    services.into_iter().find_map(|(service, variable)| {
        let endpoint = url(config, service)?;
        web_url(&endpoint).is_none().then(|| {
            format!(
                "the endpoint `{endpoint}` is not a URL: write one that begins with https:// or http:// to {variable}, \
                 AWS_ENDPOINT_URL or the AWS profile, wherever it is set"
            )
        })
    })
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

    #[test]
    fn the_hosts_are_those_that_aws_documents() {
        let host = |config: aws_types::sdk_config::Builder, prefix| {
            of_aws(&config.build(), "us-east-1", prefix, "omics")
        };
        let plain = host(SdkConfig::builder(), "tags-");
        assert_eq!(plain, "https://tags-omics.us-east-1.amazonaws.com");
        let dual_stack = host(SdkConfig::builder().use_dual_stack(true), "control-storage-");
        assert_eq!(dual_stack, "https://control-storage-omics.us-east-1.api.aws");
        let fips = host(SdkConfig::builder().use_fips(true), "control-storage-");
        assert_eq!(fips, "https://control-storage-omics-fips.us-east-1.amazonaws.com");
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        let custom = || SdkConfig::builder().endpoint_url("http://127.0.0.1:1");
        assert_eq!(check(&custom().build(), true), Ok(()));
        assert_eq!(check(&SdkConfig::builder().use_fips(true).build(), false), Ok(()));
        let error = check(&custom().use_fips(true).build(), false).expect_err("refused");
        assert!(error.contains("AWS_USE_FIPS_ENDPOINT") && error.contains("AWS_ENDPOINT_URL"), "{error}");
    }

    #[test]
    fn an_endpoint_that_is_not_a_url_is_named_with_the_variable_to_correct() {
        let problem = |url: &str| problem(&SdkConfig::builder().endpoint_url(url).build());
        for url in
            ["127.0.0.1:1", "localhost:4566", "omics.us-east-1.amazonaws.com", "ftp://host", "https://", ""]
        {
            let text = problem(url).unwrap_or_else(|| panic!("`{url}` is accepted"));
            assert!(text.contains(&format!("`{url}`")) && text.contains("AWS_ENDPOINT_URL_OMICS"), "{text}");
        }
        for url in
            ["http://127.0.0.1:1", "https://vpce-1.omics.us-east-1.vpce.amazonaws.com", "http://[::1]:80"]
        {
            assert_eq!(problem(url), None);
        }
        assert_eq!(super::problem(&SdkConfig::builder().build()), None);
    }
}
